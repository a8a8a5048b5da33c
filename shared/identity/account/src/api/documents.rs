//! What these doors take and answer.

use schemars::JsonSchema;
use scorpius_edge::cursor::Pagination;
use scorpius_edge::{Assurance, Factor, Role};
use scorpius_token::{TenantStatus, UserStatus};
use serde::{Deserialize, Serialize};

use crate::passkey::{AuthenticationResponse, RegistrationResponse, RequestOptions};
use crate::password::Password;

/// An address and its password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// In ASCII; its case does not matter.
    pub email: String,
    /// As typed.
    pub password: Password,
    /// Whether the tokens go into cookies, for pages of this host.
    #[serde(default)]
    pub cookies: bool,
}

/// The password was right; now show a second factor. `POST /v1/auth/login/factor`, within five minutes.
#[derive(Serialize, JsonSchema)]
pub struct SecondFactorNeeded {
    /// For the second door. It signs nobody in by itself.
    pub sign_in_token: String,
    /// Which ones the user has.
    pub factors: Vec<OfferedFactor>,
    /// For `navigator.credentials.get`, when there are passkeys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passkey: Option<RequestOptions>,
    /// RFC 3339.
    pub expires_at: String,
}

/// A factor that may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfferedFactor {
    /// A one-time code.
    Code,
    /// A recovery code.
    RecoveryCode,
    /// A passkey.
    Passkey,
}

/// One second factor: exactly one of the three.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowFactor {
    /// As the password's door answered it.
    pub sign_in_token: String,
    /// Six digits.
    #[serde(default)]
    pub code: Option<String>,
    /// One of the recovery codes.
    #[serde(default)]
    pub recovery_code: Option<String>,
    /// What the passkey signed.
    #[serde(default)]
    pub credential: Option<AuthenticationResponse>,
}

/// A proof within a session: exactly one of the four. Who has a second factor shows that one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepUp {
    /// As typed.
    #[serde(default)]
    pub password: Option<Password>,
    /// Six digits.
    #[serde(default)]
    pub code: Option<String>,
    /// One of the recovery codes.
    #[serde(default)]
    pub recovery_code: Option<String>,
    /// What the passkey signed.
    #[serde(default)]
    pub credential: Option<AuthenticationResponse>,
}

/// The access token that says what was proved. Refresh tokens stay as they are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RaisedToken {
    /// For `Authorization: Bearer`; absent when it is in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: u64,
    /// `ses_…`.
    pub session_id: String,
    /// The level that the session has now.
    pub acr: Assurance,
    /// How, over the whole session.
    pub amr: Vec<Factor>,
}

/// A passkey that signs somebody in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInWithPasskey {
    /// What the passkey signed; it says whose it is.
    pub credential: AuthenticationResponse,
    /// Whether the tokens go into cookies, for pages of this host.
    #[serde(default)]
    pub cookies: bool,
}

/// Whom to invite.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// In ASCII.
    pub email: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// Whether the token goes by letter. Otherwise the answer shows it, once, for whoever hands it over, and the
    /// address is confirmed by a letter after the registration.
    #[serde(default = "yes")]
    pub by_letter: bool,
}

fn yes() -> bool {
    true
}

/// An invitation.
#[derive(Serialize, JsonSchema)]
pub struct Invited {
    /// `inv_…`.
    pub invitation_id: String,
    /// The user that it will make: `usr_…`.
    pub user_id: String,
    /// The address.
    pub email: String,
    /// What they may be.
    pub roles: Vec<Role>,
    /// Whether it goes by letter.
    pub by_letter: bool,
    /// RFC 3339.
    pub created_at: String,
    /// The subject that invited.
    pub created_by: String,
    /// Shown once, and only when no letter carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation_token: Option<String>,
}

/// One page of invitations that are not used.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InvitationList {
    /// Oldest first.
    pub invitations: Vec<Invited>,
    /// How the list goes on.
    pub pagination: Pagination,
}

/// Whoever was invited registers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// From the letter, or as an administrator handed it over.
    pub invitation_token: String,
    /// For people: 1 to 100 characters.
    pub name: String,
    /// 15 characters or more; a few words will do.
    pub password: Password,
}

/// A new user, who can sign in now.
#[derive(Serialize, JsonSchema)]
pub struct Registered {
    /// `usr_…`.
    pub user_id: String,
    /// `ten_…`.
    pub tenant_id: String,
    /// Whether the address is known to be theirs.
    pub email_verified: bool,
}

/// A token from a letter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyEmail {
    /// From the letter.
    pub token: String,
}

/// An address whose owner lost the password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestReset {
    /// In ASCII.
    pub email: String,
}

/// Answered to everybody alike.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Accepted {
    /// What happens now, if the address is somebody's.
    pub message: &'static str,
}

/// A new password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reset {
    /// From the letter.
    pub token: String,
    /// The new one.
    pub password: Password,
}

/// A new password, by somebody who knows the old one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePassword {
    /// The one that counts.
    pub current_password: Password,
    /// The new one.
    pub password: Password,
}

/// A new address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeEmail {
    /// It gets a letter with a token, and is one's own only then.
    pub email: String,
}

/// One's own account.
#[derive(Serialize, JsonSchema)]
pub struct Account {
    /// `usr_…`.
    pub user_id: String,
    /// `ten_…`.
    pub tenant_id: String,
    /// The address.
    pub email: String,
    /// Whether it is known to be one's own.
    pub email_verified: bool,
    /// For people.
    pub name: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// Whether one-time codes are asked for.
    pub totp: bool,
    /// How many passkeys there are.
    pub passkeys: usize,
    /// How many recovery codes are left.
    pub recovery_codes: usize,
    /// RFC 3339; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_set_at: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

/// A new name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rename {
    /// 1 to 100 characters.
    pub name: String,
}

/// A secret for an authenticator program. It counts once it is confirmed, within ten minutes.
#[derive(Serialize, JsonSchema)]
pub struct TotpOffer {
    /// Base32.
    pub secret: String,
    /// For a picture that the program reads.
    pub uri: String,
    /// RFC 3339.
    pub expires_at: String,
}

/// A code of the new secret.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmTotp {
    /// Six digits.
    pub code: String,
}

/// Recovery codes, shown once. Each counts once; earlier ones do not count any more.
#[derive(Serialize, JsonSchema)]
pub struct RecoveryCodes {
    /// Ten of them; none when those that there are stay.
    pub recovery_codes: Vec<String>,
}

/// A passkey that an authenticator made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddPasskey {
    /// For people: 1 to 100 characters.
    pub name: String,
    /// As the browser gave it.
    pub credential: RegistrationResponse,
}

/// A passkey that was added.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AddedPasskey {
    /// It.
    #[serde(flatten)]
    pub passkey: ShownPasskey,
    /// With the first second factor come recovery codes, shown once.
    pub recovery_codes: Vec<String>,
}

/// One of one's own passkeys.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ShownPasskey {
    /// `psk_…`.
    pub passkey_id: String,
    /// For people.
    pub name: String,
    /// Whether it is kept in more than one place.
    pub backed_up: bool,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; absent until it was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_at: Option<String>,
}

/// All of them.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PasskeyList {
    /// At most twenty.
    pub passkeys: Vec<ShownPasskey>,
}

/// A user, for administrators.
#[derive(Serialize, JsonSchema)]
pub struct ShownUser {
    /// `usr_…`.
    pub user_id: String,
    /// The address.
    pub email: String,
    /// For people.
    pub name: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// Whether a sign-in takes a second factor.
    pub second_factor: bool,
    /// RFC 3339.
    pub created_at: String,
}

/// One page of users.
#[derive(Serialize, JsonSchema)]
pub(crate) struct UserList {
    /// Oldest first.
    pub users: Vec<ShownUser>,
    /// How the list goes on.
    pub pagination: Pagination,
}

/// What is to be otherwise.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeUser {
    /// All roles from now on, at least one.
    #[serde(default)]
    pub roles: Option<Vec<Role>>,
    /// `disabled` ends every session at once.
    #[serde(default)]
    pub status: Option<UserStatus>,
}

/// Something was erased.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Erased {
    /// From when on no backup has it either. RFC 3339.
    pub erased_from_backups_at: String,
}

/// A user was erased.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ErasedUser {
    /// From when on no backup has them either. RFC 3339.
    pub erased_from_backups_at: String,
    /// The API keys whose secret they were shown last: these do not count any more. What another administrator
    /// rotated before stays.
    pub revoked_keys: Vec<String>,
}

/// A new tenant and whom to invite as its first administrator.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTenant {
    /// For people: 1 to 100 characters.
    pub name: String,
    /// The first administrator's address.
    pub administrator: String,
    /// As for any invitation.
    #[serde(default = "yes")]
    pub by_letter: bool,
}

/// A new tenant.
#[derive(Serialize, JsonSchema)]
pub struct CreatedTenant {
    /// It.
    #[serde(flatten)]
    pub tenant: ShownTenant,
    /// Its first administrator's invitation.
    pub invitation: Invited,
}

/// A tenant, for the operator.
#[derive(Serialize, JsonSchema)]
pub struct ShownTenant {
    /// `ten_…`.
    pub tenant_id: String,
    /// For people.
    pub name: String,
    /// Whether its credentials count.
    pub status: TenantStatus,
    /// Whether it is the one that runs the platform.
    pub operator: bool,
    /// RFC 3339.
    pub created_at: String,
}

/// One page of tenants.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TenantList {
    /// Oldest first.
    pub tenants: Vec<ShownTenant>,
    /// How the list goes on.
    pub pagination: Pagination,
}

/// Where to go on with an export.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// `next_cursor` of the page before; absent at the start.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// A page of all that is stored about the tenant, without secrets and hashes of secrets.
#[derive(Serialize, JsonSchema)]
pub struct Exported {
    /// Part by part.
    pub records: Vec<ExportedRecord>,
    /// How it goes on.
    pub pagination: Pagination,
}

/// One record.
#[derive(Serialize, JsonSchema)]
pub struct ExportedRecord {
    /// `tenant`, `users`, `api_keys`, `verdicts`, `scans`, `scan_schedules`, `webhooks`, `decisions`, `detectors`,
    /// `wallets`, `wallet_lists`, `wallet_pasts`, `security_policy`, `alerts`, `outcomes`.
    pub part: &'static str,
    /// Its id.
    pub id: String,
    /// As stored.
    pub document: serde_json::Value,
}
