//! What accounts tell the rest of the platform: ids, levels and counts; no name, no address, no secret.

use schemars::JsonSchema;
use scorpius_core::Fact;
use scorpius_edge::{Assurance, Factor, Role};
use scorpius_token::{TenantStatus, UserStatus};
use serde::{Deserialize, Serialize};

use crate::breached::PasswordCheck;

/// A fact: a struct with the type and the sentence beside it.
macro_rules! fact {
    ($(#[$doc:meta])* $name:ident = $kind:literal, $meaning:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Fact for $name {
            const TYPE: &'static str = concat!("scorpius.identity.", $kind, ".v1");
            const MEANING: &'static str = $meaning;
        }
    };
}

fact! {
    /// Aggregate: the invitation; sequence 1.
    UserInvited = "user_invited", "An administrator invited somebody to the tenant." {
        /// `inv_…`.
        invitation_id: String,
        /// The user that it will make: `usr_…`.
        user_id: String,
        /// What they may be.
        roles: Vec<Role>,
        /// Whether the invitation goes by letter.
        by_letter: bool,
    }
}
fact! {
    /// Aggregate: the invitation; sequence 2.
    InvitationRevoked = "invitation_revoked", "An invitation was taken back before it was used." {
        /// `inv_…`.
        invitation_id: String,
    }
}
fact! {
    /// Aggregate: the user; sequence 1.
    UserJoined = "user_joined", "Somebody who was invited registered." {
        /// `usr_…`.
        user_id: String,
        /// `inv_…`.
        invitation_id: String,
        /// What they may be.
        roles: Vec<Role>,
        /// Whether the invitation came by letter, so that the address is theirs.
        email_verified: bool,
        /// How their password was looked for among those that others know.
        password_check: PasswordCheck,
    }
}
fact! {
    /// Aggregate: the user.
    EmailVerified = "email_verified", "A person showed that an e-mail address is theirs." {
        /// `usr_…`.
        user_id: String,
        /// Whether it takes the place of another one.
        changed: bool,
    }
}
fact! {
    /// Aggregate: the user.
    UserChanged = "user_changed", "The name, the roles or the status of a user is another one now." {
        /// `usr_…`.
        user_id: String,
        /// From now on.
        roles: Vec<Role>,
        /// From now on.
        status: UserStatus,
    }
}
fact! {
    /// Aggregate: the user.
    UserErased = "user_erased", "A user was removed, with all that was stored about them." {
        /// `usr_…`.
        user_id: String,
    }
}
fact! {
    /// Aggregate: the attempt; sequence 1.
    SignInFailed = "sign_in_failed", "A sign-in or a step-up of a known user was refused." {
        /// `att_…`.
        attempt_id: String,
        /// `usr_…`.
        user_id: String,
        /// What was tried.
        factor: Factor,
        /// Wrong attempts in a row, this one included.
        in_a_row: u32,
        /// Until when no further one is looked at; absent while there is no wait. RFC 3339.
        locked_until: Option<String>,
    }
}
fact! {
    /// Aggregate: the request; sequence 1.
    PasswordResetRequested = "password_reset_requested", "A letter was asked for with which a password can be set anew." {
        /// `rst_…`.
        request_id: String,
        /// `usr_…`.
        user_id: String,
    }
}
fact! {
    /// Aggregate: the user.
    PasswordChanged = "password_changed", "A user's password is another one; every session of the user ended." {
        /// `usr_…`.
        user_id: String,
        /// Whether a letter was the proof, and not the old password.
        by_letter: bool,
        /// How it was looked for among those that others know.
        password_check: PasswordCheck,
    }
}
fact! {
    /// Aggregate: the user.
    FactorAdded = "factor_added", "A user has a further factor to sign in with." {
        /// `usr_…`.
        user_id: String,
        /// Which.
        factor: SecondFactor,
    }
}
fact! {
    /// Aggregate: the user.
    FactorRemoved = "factor_removed", "A factor of a user does not count any more." {
        /// `usr_…`.
        user_id: String,
        /// Which.
        factor: SecondFactor,
    }
}
fact! {
    /// Aggregate: the user.
    RecoveryCodesMade = "recovery_codes_made", "A user got recovery codes; earlier ones do not count any more." {
        /// `usr_…`.
        user_id: String,
        /// How many.
        count: usize,
    }
}
fact! {
    /// Aggregate: the attempt; sequence 1.
    RecoveryCodeUsed = "recovery_code_used", "A recovery code took the place of a second factor." {
        /// `att_…`.
        attempt_id: String,
        /// `usr_…`.
        user_id: String,
        /// How many are left.
        left: usize,
    }
}
fact! {
    /// Aggregate: the sign-in; sequence 1.
    SecondFactorAsked = "second_factor_asked", "A password was right, and a second factor was asked for." {
        /// `sgn_…`.
        sign_in_id: String,
        /// `usr_…`.
        user_id: String,
    }
}
fact! {
    /// An alert. Aggregate: the attempt; sequence 1.
    PasskeyCloned = "passkey_cloned", "A passkey's counter went back, so that there may be two of it; it was refused." {
        /// `att_…`.
        attempt_id: String,
        /// `usr_…`.
        user_id: String,
        /// `psk_…`.
        passkey_id: String,
    }
}
fact! {
    /// Aggregate: the tenant.
    TenantCreated = "tenant_created", "The operator made a tenant." {
        /// `ten_…`.
        tenant_id: String,
    }
}
fact! {
    /// Aggregate: the tenant.
    TenantStatusChanged = "tenant_status_changed", "A tenant was suspended, taken up again or deleted." {
        /// `ten_…`.
        tenant_id: String,
        /// From now on.
        status: TenantStatus,
        /// Whether the keys of its data were destroyed.
        keys_destroyed: bool,
    }
}
fact! {
    /// Aggregate: the export; sequence 1.
    TenantExported = "tenant_exported", "Somebody began to read everything that is stored about a tenant." {
        /// `exp_…`.
        export_id: String,
    }
}

/// A factor beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// One-time codes by time.
    Totp,
    /// A passkey.
    Passkey,
}

/// How a level was reached, for sentences.
#[must_use]
pub fn level_of(amr: &[Factor]) -> Assurance {
    let two = amr.contains(&Factor::Pwd) && (amr.contains(&Factor::Otp) || amr.contains(&Factor::Pop));
    match two || amr.contains(&Factor::User) {
        true => Assurance::Aal2,
        false => Assurance::Aal1,
    }
}
