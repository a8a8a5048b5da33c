//! Versions of a tenant's policies: a document each, written once, and the tenant's pointer to the one that counts.

use std::sync::Arc;

use scorpius_core::{
    Attributes, Condition, Key, ListQuery, Page, PortError, Record, Store, StoreError, TenantId, Write,
};
use scorpius_policy::Document;
use scorpius_token::Tenant;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::facts::{Cause, PoliciesChanged};

/// Versions that are kept, the newest ones; the ledger has the hash of each.
pub(crate) const VERSIONS_KEPT: u64 = 100;
/// Bytes of a document. The store takes 350 KB a record.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 300_000;

/// What is said of a version without its text.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VersionInfo {
    /// Its number.
    pub version: u64,
    /// The version that counted before it.
    pub previous: u64,
    /// Why it was made.
    pub cause: Cause,
    /// RFC 3339.
    pub at: String,
    /// The subject that made it.
    pub by: String,
    /// SHA-256 of the document, in hex.
    pub sha256: String,
    /// How many policies it has.
    pub policies: usize,
    /// How many roles.
    pub roles: usize,
    /// How many assignments.
    pub assignments: usize,
}

/// The policies that count, and what a change of them must find unchanged.
pub(crate) struct Current {
    pub(crate) tenant: Tenant,
    tenant_version: u64,
    pub(crate) document: Document,
}

impl Current {
    /// The number of the version that counts.
    pub(crate) fn version(&self) -> u64 {
        self.tenant.policy_version
    }
}

/// A version that is about to be made.
pub(crate) struct Next {
    pub(crate) info: VersionInfo,
    /// The document, the pointer, what is said of it, and what is not kept any longer.
    pub(crate) writes: Vec<Write>,
}

/// Where in `Next::writes` the pointer is: a conflict there is somebody else's change.
pub(crate) const POINTER: usize = 0;

/// All tenants' versions.
pub(crate) struct Versions(pub(crate) Arc<dyn Store>);

impl Versions {
    /// What counts now; without a tenant there is nobody who could ask.
    pub(crate) async fn current(&self, tenant: &TenantId) -> Result<Option<Current>, StoreError> {
        let Some(record) = self.0.get(&Tenant::at(tenant)).await? else { return Ok(None) };
        let kept: Tenant = record.document()?;
        let document = match kept.policy_version {
            0 => Document::default(),
            version => self.document(tenant, version).await?.ok_or_else(|| {
                StoreError::Port(PortError::new("policies", format!("version {version} is not there")))
            })?,
        };
        Ok(Some(Current { tenant: kept, tenant_version: record.version, document }))
    }

    /// One version's document, if it is kept.
    pub(crate) async fn document(
        &self,
        tenant: &TenantId,
        version: u64,
    ) -> Result<Option<Document>, StoreError> {
        let record = self.0.get(&Document::at(tenant, version)).await?;
        Ok(record.map(|record| record.document()).transpose()?)
    }

    /// A page of versions, newest first.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<VersionInfo>, Page), StoreError> {
        let mut query = ListQuery::all(partition(tenant));
        (query.limit, query.cursor, query.descending) = (limit, cursor, true);
        let page = self.0.list(&query).await?;
        let infos = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
        Ok((infos, page))
    }
}

fn partition(tenant: &TenantId) -> String {
    format!("{tenant}#policy-versions")
}

fn info_at(tenant: &TenantId, version: u64) -> Key {
    Key::new(partition(tenant), format!("{version:012}"))
}

/// Makes the version that follows `current`; `None` when the document is too long to be kept.
pub(crate) fn next(current: Current, document: &Document, cause: Cause, at: &str, by: &str) -> Option<Next> {
    let Current { mut tenant, tenant_version, .. } = current;
    let attributes = Attributes::document(document);
    let text = attributes.text("doc").unwrap_or_default();
    if text.len() > DOCUMENT_BYTES_MAX {
        return None;
    }
    let version = tenant.policy_versions + 1;
    let info = VersionInfo {
        version,
        previous: tenant.policy_version,
        cause,
        at: at.to_owned(),
        by: by.to_owned(),
        sha256: hex::encode(Sha256::digest(text.as_bytes())),
        policies: document.policies.len(),
        roles: document.roles.len(),
        assignments: document.assignments.len(),
    };
    (tenant.policy_version, tenant.policy_versions) = (version, version);
    let id = tenant.id.clone();
    let mut writes = vec![
        Write::put(Tenant::at(&id), &tenant, Condition::VersionIs(tenant_version)),
        Write::Put {
            key: Document::at(&id, version),
            attributes,
            expires_at: None,
            condition: Condition::Absent,
        },
        Write::put(info_at(&id, version), &info, Condition::Absent),
    ];
    if let Some(old) = version.checked_sub(VERSIONS_KEPT).filter(|old| *old > 0) {
        for key in [Document::at(&id, old), info_at(&id, old)] {
            writes.push(Write::Delete { key, condition: Condition::Always });
        }
    }
    Some(Next { info, writes })
}

impl VersionInfo {
    /// What is told of it.
    pub(crate) fn fact(&self) -> PoliciesChanged {
        PoliciesChanged {
            version: self.version,
            previous: self.previous,
            cause: self.cause,
            sha256: self.sha256.clone(),
            policies: self.policies,
            roles: self.roles,
            assignments: self.assignments,
        }
    }
}

/// What events about a tenant's policies are about.
pub(crate) fn aggregate(tenant: &TenantId) -> String {
    format!("policies_of_{tenant}")
}
