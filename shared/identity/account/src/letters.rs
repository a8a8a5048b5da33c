//! What letters say. Plain words, no link that signs anybody in.

use scorpius_letter::{Draft, LetterKind};

/// Whom a letter is from and to.
pub(crate) struct Post<'a> {
    /// The platform's URL.
    pub(crate) issuer: &'a str,
    /// The address.
    pub(crate) to: &'a str,
}

impl Post<'_> {
    fn letter(&self, kind: LetterKind, subject: &str, text: &str) -> Draft {
        let text =
            format!("{text}\n\nThis is Scorpius at {}. Nobody reads answers to this letter.\n", self.issuer);
        Draft { kind, to: self.to.to_owned(), subject: format!("Scorpius: {subject}"), text }
    }

    pub(crate) fn invitation(&self, tenant: &str, token: &str) -> Draft {
        let text = format!(
            "You are invited to `{tenant}`. Register within seven days with this token, at POST /v1/auth/register:\n\n\
             {token}\n\nWhoever has the token can register in your place. If you expect no invitation, do nothing."
        );
        self.letter(LetterKind::Invitation, "you are invited", &text)
    }

    pub(crate) fn email_check(&self, token: &str) -> Draft {
        let text = format!(
            "Confirm within a day that this address is yours, with this token, at POST /v1/auth/verify-email:\n\n\
             {token}\n\nIf you did not ask for this, do nothing."
        );
        self.letter(LetterKind::EmailCheck, "confirm your address", &text)
    }

    pub(crate) fn email_changed(&self) -> Draft {
        self.letter(
            LetterKind::EmailChanged,
            "your address was changed",
            "Your account is reached under another address now, and not under this one any more.\n\n\
             If it was not you, tell your administrator at once.",
        )
    }

    pub(crate) fn password_reset(&self, token: &str) -> Draft {
        let text = format!(
            "Set a new password within ten minutes with this token, at POST /v1/auth/password/reset/confirm:\n\n\
             {token}\n\nIf you did not ask for this, do nothing: your password stays as it is."
        );
        self.letter(LetterKind::PasswordReset, "set a new password", &text)
    }

    pub(crate) fn password_changed(&self, by_letter: bool) -> Draft {
        let how = if by_letter { "by a letter to this address" } else { "by somebody who knew the old one" };
        let text = format!(
            "Your password was changed, {how}, and every session of yours has ended. Sign in with the new one.\n\n\
             If it was not you, set a new password at once, and tell your administrator."
        );
        self.letter(LetterKind::PasswordChanged, "your password was changed", &text)
    }

    pub(crate) fn factor_changed(&self, what: &str) -> Draft {
        let text = format!(
            "{what}\n\nIf it was not you, sign in, end your other sessions, set a new password, and tell your administrator."
        );
        self.letter(LetterKind::FactorChanged, "your ways to sign in were changed", &text)
    }

    pub(crate) fn new_device(&self, agent: &str, network: &str, at: &str) -> Draft {
        let agent = if agent.is_empty() { "a program that does not say what it is" } else { agent };
        let text = format!(
            "Somebody signed in to your account from a program that was not seen before:\n\n  {agent}\n  from {network}\n  \
             at {at}\n\nIf it was you, there is nothing to do. If not, end that session, set a new password, and tell your \
             administrator."
        );
        self.letter(LetterKind::NewDevice, "a new sign-in", &text)
    }
}
