//! What is offered.

use scorpius_edge::operation::PAGING;
use scorpius_edge::principal::OWN_ACCOUNT;
use scorpius_edge::problem::{FORBIDDEN, LEGAL_HOLD, TOO_MANY_REQUESTS};
use scorpius_edge::{Access, Answer, Assurance, Operation};
use scorpius_token::api::{BAD_PROOF, GrantedTokens};

use super::documents::{
    Accepted, Account, AddPasskey, AddedPasskey, ChangeEmail, ChangePassword, ChangeUser, ConfirmTotp,
    CreateTenant, CreatedTenant, Erased, ErasedUser, Export, Exported, InvitationList, Invite, Invited,
    LogIn, PasskeyList, RaisedToken, RecoveryCodes, Register, Registered, Rename, RequestReset, Reset,
    SecondFactorNeeded, ShowFactor, ShownTenant, ShownUser, SignInWithPasskey, StepUp, TenantList, TotpOffer,
    UserList, VerifyEmail,
};
use super::step_up::FRESH_S;
use super::user_sessions::UserSessionList;
use super::{
    ADDRESS_TAKEN, NO_SUCH_OFFER, PASSKEY_REFUSED, SHORT_PASSWORD, SIGN_IN_REFUSED, TOKEN_OVER,
    TOO_MANY_PASSKEYS, TOO_MANY_USERS, UNFIT_PASSWORD,
};
use crate::passkey::{CreationOptions, RequestOptions};

/// An example with a token of this prefix, which nobody was given.
macro_rules! token {
    ($before:literal, $prefix:literal, $after:literal) => {
        concat!(
            $before,
            $prefix,
            "AaH9egAAcACAAAAAAAAAAQGh_XoAAHAAgAAAAAAAAAMBof16AABwAIAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            $after
        )
    };
}

/// Every operation of these doors.
#[must_use]
pub fn operations() -> Vec<Operation> {
    [sign_in(), joining(), own(), factors(), people(), tenants()].concat()
}

fn own_account(route: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new(route, id, summary, Access::Action(OWN_ACCOUNT))
}

fn public(route: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new(route, id, summary, Access::Public)
}

/// For what changes how one signs in: proved lately, and by two factors where there are two.
fn freshly(operation: Operation) -> Operation {
    operation.demands(Assurance::Aal1, FRESH_S)
}

fn sign_in() -> Vec<Operation> {
    vec![
        public("POST /v1/auth/login", "logIn", "Signs a person in by address and password, or asks for their second factor.")
            .takes::<LogIn>(r#"{"email": "ada@example.com", "password": "correct horse battery staple"}"#)
            .answers(Answer::json::<GrantedTokens>(200, "The tokens of a new session."))
            .answers(Answer::json::<SecondFactorNeeded>(202, "The password is right; show a second factor."))
            .fails(&SIGN_IN_REFUSED)
            .fails(&BAD_PROOF)
            .fails(&TOO_MANY_REQUESTS),
        public("POST /v1/auth/login/factor", "showSecondFactor", "Goes on with a sign-in: a code, a recovery code or a passkey.")
            .takes::<ShowFactor>(token!("{\"sign_in_token\": \"", "scs_", "\", \"code\": \"123456\"}"))
            .answers(Answer::json::<GrantedTokens>(200, "The tokens of a new session."))
            .fails(&SIGN_IN_REFUSED)
            .fails(&TOKEN_OVER)
            .fails(&TOO_MANY_REQUESTS),
        public("POST /v1/auth/passkeys/options", "offerPasskeySignIn", "What a page asks a passkey with; the same for everybody.")
            .answers(Answer::json::<RequestOptions>(200, "For `navigator.credentials.get`.")),
        public("POST /v1/auth/passkeys/sign-in", "signInWithPasskey", "Signs a person in by a passkey that checked its holder.")
            .takes::<SignInWithPasskey>(r#"{"credential": {"id": "AQID", "response": {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA", "userHandle": "AA"}}}"#)
            .answers(Answer::json::<GrantedTokens>(200, "The tokens of a new session."))
            .fails(&SIGN_IN_REFUSED)
            .fails(&BAD_PROOF)
            .fails(&TOO_MANY_REQUESTS),
        own_account("POST /v1/auth/step-up/options", "offerStepUp", "What a page asks one's own passkeys with, for a step-up.")
            .answers(Answer::json::<RequestOptions>(200, "For `navigator.credentials.get`.")),
        own_account("POST /v1/auth/step-up", "stepUp", "Proves again, or more strongly, who one is, within the session.")
            .takes::<StepUp>(r#"{"code": "123456"}"#)
            .answers(Answer::json::<RaisedToken>(200, "An access token that says so."))
            .fails(&SIGN_IN_REFUSED)
            .fails(&TOO_MANY_REQUESTS),
    ]
}

fn joining() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /v1/users/invitations",
            "inviteUser",
            "Invites somebody to the tenant, by letter or by a token that is shown once.",
            Access::Action("user:write"),
        )
        .demands(Assurance::Aal1, FRESH_S)
        .takes::<Invite>(r#"{"email": "ada@example.com", "roles": ["security"]}"#)
        .answers(Answer::json::<Invited>(201, "The invitation."))
        .fails(&FORBIDDEN),
        Operation::new(
            "GET /v1/users/invitations",
            "listInvitations",
            "Shows the invitations that are not used, oldest first.",
            Access::Action("user:read"),
        )
        .asks(&PAGING)
        .answers(Answer::json::<InvitationList>(200, "One page of invitations.")),
        Operation::new(
            "DELETE /v1/users/invitations/{id}",
            "revokeInvitation",
            "Takes an invitation back.",
            Access::Action("user:write"),
        )
        .answers(Answer::empty(204, "Its token does not count any more.")),
        public("POST /v1/auth/register", "registerUser", "Makes the account of somebody who was invited.")
            .takes::<Register>(token!(
                "{\"invitation_token\": \"",
                "sci_",
                "\", \"name\": \"Ada\", \"password\": \"correct horse battery staple\"}"
            ))
            .answers(Answer::json::<Registered>(201, "The account; sign in with it."))
            .fails(&TOKEN_OVER)
            .fails(&UNFIT_PASSWORD)
            .fails(&ADDRESS_TAKEN)
            .fails(&TOO_MANY_USERS),
        public(
            "POST /v1/auth/verify-email",
            "verifyEmail",
            "Confirms an address by the token that was sent to it.",
        )
        .takes::<VerifyEmail>(token!("{\"token\": \"", "sce_", "\"}"))
        .answers(Answer::empty(204, "The address is known to be theirs."))
        .fails(&TOKEN_OVER)
        .fails(&ADDRESS_TAKEN),
        public(
            "POST /v1/auth/password/reset",
            "requestPasswordReset",
            "Sends a letter with which a password can be set anew; says the same for every address.",
        )
        .takes::<RequestReset>(r#"{"email": "ada@example.com"}"#)
        .answers(Answer::json::<Accepted>(202, "If the address is somebody's, a letter is on its way."))
        .fails(&TOO_MANY_REQUESTS),
        public(
            "POST /v1/auth/password/reset/confirm",
            "resetPassword",
            "Sets a new password by the token of a letter, and ends every session of the user.",
        )
        .takes::<Reset>(token!(
            "{\"token\": \"",
            "scp_",
            "\", \"password\": \"correct horse battery staple\"}"
        ))
        .answers(Answer::empty(204, "Sign in with the new one; second factors are as they were."))
        .fails(&TOKEN_OVER)
        .fails(&UNFIT_PASSWORD),
    ]
}

fn own() -> Vec<Operation> {
    vec![
        own_account("GET /v1/account", "getAccount", "Shows one's own account.").answers(Answer::json::<
            Account,
        >(
            200,
            "The account.",
        )),
        own_account("PATCH /v1/account", "renameAccount", "Changes one's own name.")
            .takes::<Rename>(r#"{"name": "Ada Lovelace"}"#)
            .answers(Answer::empty(204, "It is the name.")),
        freshly(own_account(
            "POST /v1/account/password",
            "changePassword",
            "Changes one's own password, and ends all one's own sessions.",
        ))
        .takes::<ChangePassword>(
            r#"{"current_password": "correct horse battery staple", "password": "eleven purple buses sing"}"#,
        )
        .answers(Answer::empty(204, "Sign in with the new one."))
        .fails(&SIGN_IN_REFUSED)
        .fails(&UNFIT_PASSWORD)
        .fails(&TOO_MANY_REQUESTS),
        freshly(own_account(
            "POST /v1/account/email",
            "changeEmail",
            "Sends a letter with a token to a new address, or again to the present one.",
        ))
        .takes::<ChangeEmail>(r#"{"email": "ada.lovelace@example.com"}"#)
        .answers(Answer::json::<Accepted>(202, "It is one's own once the token came back."))
        .fails(&SIGN_IN_REFUSED),
    ]
}

fn factors() -> Vec<Operation> {
    vec![
        freshly(own_account("POST /v1/account/totp", "offerTotp", "Offers a secret for one-time codes; its answer shows it once."))
            .answers(Answer::json::<TotpOffer>(201, "Confirm it with a code."))
            .fails(&NO_SUCH_OFFER),
        freshly(own_account("POST /v1/account/totp/confirm", "confirmTotp", "Turns one-time codes on, by a code of the secret that was offered."))
            .takes::<ConfirmTotp>(r#"{"code": "123456"}"#)
            .answers(Answer::json::<RecoveryCodes>(200, "Recovery codes, with the first second factor."))
            .fails(&NO_SUCH_OFFER),
        freshly(own_account("DELETE /v1/account/totp", "removeTotp", "Turns one-time codes off; again is fine."))
            .answers(Answer::empty(204, "A sign-in does not ask for them any more."))
            .fails(&SHORT_PASSWORD),
        freshly(own_account("POST /v1/account/recovery-codes", "makeRecoveryCodes", "Makes new recovery codes in place of those that there are."))
            .answers(Answer::json::<RecoveryCodes>(200, "They are shown once."))
            .fails(&NO_SUCH_OFFER),
        freshly(own_account("POST /v1/account/passkeys/options", "offerPasskey", "What a page makes a new passkey with."))
            .answers(Answer::json::<CreationOptions>(200, "For `navigator.credentials.create`.")),
        freshly(own_account("POST /v1/account/passkeys", "addPasskey", "Adds a passkey that an authenticator made."))
            .takes::<AddPasskey>(r#"{"name": "laptop", "credential": {"id": "AQID", "response": {"clientDataJSON": "e30", "attestationObject": "AA", "transports": ["internal"]}}}"#)
            .answers(Answer::json::<AddedPasskey>(201, "The passkey; with the first second factor, recovery codes."))
            .fails(&PASSKEY_REFUSED)
            .fails(&TOO_MANY_PASSKEYS),
        own_account("GET /v1/account/passkeys", "listPasskeys", "Shows one's own passkeys.")
            .answers(Answer::json::<PasskeyList>(200, "All of them.")),
        freshly(own_account("DELETE /v1/account/passkeys/{id}", "removePasskey", "Removes one of one's own passkeys."))
            .answers(Answer::empty(204, "It signs nobody in any more."))
            .fails(&SHORT_PASSWORD),
    ]
}

fn people() -> Vec<Operation> {
    vec![
        Operation::new(
            "GET /v1/users",
            "listUsers",
            "Shows the tenant's users, oldest first.",
            Access::Action("user:read"),
        )
        .asks(&PAGING)
        .answers(Answer::json::<UserList>(200, "One page of users.")),
        Operation::new("GET /v1/users/{id}", "getUser", "Shows a user.", Access::Action("user:read"))
            .answers(Answer::json::<ShownUser>(200, "The user, with an `ETag`.")),
        Operation::new(
            "PATCH /v1/users/{id}",
            "changeUser",
            "Changes a user's roles or status, at once; heeds `If-Match`.",
            Access::Action("user:write"),
        )
        .demands(Assurance::Aal1, FRESH_S)
        .takes::<ChangeUser>(r#"{"roles": ["auditor"], "status": "active"}"#)
        .answers(Answer::json::<ShownUser>(200, "The user.")),
        Operation::new(
            "DELETE /v1/users/{id}",
            "eraseUser",
            "Removes a user with all that is stored about them, and ends the API keys that they hold.",
            Access::Action("user:write"),
        )
        .demands(Assurance::Aal1, FRESH_S)
        .answers(Answer::json::<ErasedUser>(200, "They are gone from here."))
        .fails(&LEGAL_HOLD),
        Operation::new(
            "GET /v1/users/{id}/sessions",
            "listUserSessions",
            "Shows a user's live sessions, newest first.",
            Access::Action("user:read"),
        )
        .asks(&PAGING)
        .answers(Answer::json::<UserSessionList>(200, "One page of sessions.")),
        Operation::new(
            "DELETE /v1/users/{id}/sessions",
            "endUserSessions",
            "Ends all sessions of another user, whose tokens are refused from then on.",
            Access::Action("user:write"),
        )
        .demands(Assurance::Aal1, FRESH_S)
        .answers(Answer::empty(204, "They are over.")),
        Operation::new(
            "DELETE /v1/users/{id}/sessions/{session}",
            "endUserSession",
            "Ends one session of another user; again is fine.",
            Access::Action("user:write"),
        )
        .demands(Assurance::Aal1, FRESH_S)
        .answers(Answer::empty(204, "It is over.")),
        Operation::new(
            "POST /v1/tenant/export",
            "exportTenant",
            "A page of all that is stored about the tenant, without secrets.",
            Access::Action("tenant:export"),
        )
        .demands(Assurance::Aal1, FRESH_S)
        .takes::<Export>(r#"{"cursor": "1GruCMxJ9tEwIw"}"#)
        .answers(Answer::json::<Exported>(200, "A page; go on with its cursor.")),
    ]
}

fn tenants() -> Vec<Operation> {
    let one = |route, id, summary| Operation::new(route, id, summary, Access::Action("admin:write"));
    vec![
        one("POST /v1/admin/tenants", "createTenant", "Makes a tenant and invites its first administrator.")
            .takes::<CreateTenant>(r#"{"name": "Analytical Engines", "administrator": "ada@example.com"}"#)
            .answers(Answer::json::<CreatedTenant>(201, "The tenant and the invitation.")),
        Operation::new(
            "GET /v1/admin/tenants",
            "listTenants",
            "Shows the tenants that are not deleted, oldest first.",
            Access::Action("admin:read"),
        )
        .asks(&PAGING)
        .answers(Answer::json::<TenantList>(200, "One page of tenants.")),
        one(
            "POST /v1/admin/tenants/{id}/suspend",
            "suspendTenant",
            "Shuts a tenant out, at once; again is fine.",
        )
        .answers(Answer::json::<ShownTenant>(200, "The tenant.")),
        one(
            "POST /v1/admin/tenants/{id}/resume",
            "resumeTenant",
            "Takes a suspended tenant up again; again is fine.",
        )
        .answers(Answer::json::<ShownTenant>(200, "The tenant.")),
        one(
            "DELETE /v1/admin/tenants/{id}",
            "deleteTenant",
            "Destroys a tenant's keys and removes its users; again is fine.",
        )
        .answers(Answer::json::<Erased>(200, "What its keys sealed is noise."))
        .fails(&LEGAL_HOLD),
    ]
}
