//! Tenants, as the token crate keeps them.

pub(crate) use scorpius_token::tenant::{NAME_CHARS_MAX, is_name};
pub(crate) use scorpius_token::{Tenant, TenantStatus};
