//! Tenants, for the operator; and the export of one's own.

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_core::{Condition, Key, ListQuery, Record, StoreError, TenantId, Write, hold, new_id};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{FORBIDDEN, INTERNAL, INVALID_REQUEST, LEGAL_HOLD, NOT_FOUND};
use scorpius_edge::{Problem, Request, Response, Role};
use scorpius_letter::DataKeys;
use scorpius_token::tenant::{NAME_CHARS_MAX, is_name};
use scorpius_token::{Tenant, TenantStatus, User};
use serde_json::Value;

use super::documents::{
    CreateTenant, CreatedTenant, Export, Exported, ExportedRecord, ShownTenant, TenantList,
};
use super::join::{inviting, tenant_of};
use super::users::{erased, purge};
use super::{App, parse_email, sealed};
use crate::facts::{TenantCreated, TenantExported, TenantStatusChanged};
use crate::person::{Names, versioned};

/// Pages of users that one deletion removes; a tenant has at most five. A repeat goes on.
const PURGE_PAGES_MAX: usize = 6;
/// Records of one page of an export.
const EXPORT_RECORDS: usize = 50;

/// What an export has, part by part: the part's name, and its partition after the tenant's id.
const PARTS: [(&str, &str); 14] = [
    ("users", "user"),
    ("api_keys", "apikey"),
    ("verdicts", "verdict"),
    ("scans", "scans"),
    ("scan_schedules", "scan-schedules"),
    ("webhooks", "webhooks"),
    ("decisions", "triage"),
    ("detectors", "detectors"),
    ("wallets", "wallets"),
    ("wallet_lists", "wallet-lists"),
    ("wallet_pasts", "wallet-past"),
    ("security_policy", "security-policy"),
    ("alerts", "alerts"),
    ("outcomes", "outcome"),
];
/// Members that are secrets, wrapped or hashed: an export must not help anybody to use or to guess them.
const SECRETS: [&str; 6] = ["sha256", "secret", "wrapped", "sealed", "salt", "hash"];

fn shown(tenant: &Tenant) -> ShownTenant {
    ShownTenant {
        tenant_id: tenant.id.to_string(),
        name: tenant.name.clone(),
        status: tenant.status,
        operator: tenant.operator,
        created_at: tenant.created_at.to_string(),
    }
}

/// `POST /v1/admin/tenants`.
pub(super) async fn create(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: CreateTenant = request.json()?;
    if !is_name(&asked.name) {
        let said = format!("a name is 1 to {NAME_CHARS_MAX} characters without control characters");
        return Err(INVALID_REQUEST.because(&said).at("/name", &said));
    }
    let email = parse_email(&asked.administrator, "/administrator")?;
    let once = Once::of(request)?;
    if let Some(answer) = once.answered_sealed(app.store(), app.keys()).await? {
        return Ok(answer);
    }
    let actor = request.actor()?;
    let mut tenant = Tenant::new(TenantId::new(app.clock()), &asked.name, false, app.clock());
    tenant.events = 1;
    let (key, put_key) = app.data_keys.creation(&tenant.id).await?;
    let inviting = inviting(app, &tenant, &key, &email, (vec![Role::Admin], asked.by_letter), &actor);
    let fact = TenantCreated { tenant_id: tenant.id.to_string() };
    let mut writes = vec![
        Write::put(Tenant::at(&tenant.id), &tenant, Condition::Absent),
        Write::put(Tenant::listed_at(&tenant.id), &tenant.id, Condition::Absent),
        put_key,
        app.emit(&fact, (tenant.id.as_str(), 1), &tenant.id, &actor),
    ];
    writes.extend(inviting.writes);
    let created = CreatedTenant { tenant: shown(&tenant), invitation: inviting.shown };
    let response = Response::json(StatusCode::CREATED, &created);
    once.commit_sealed(app.store(), app.clock(), app.keys(), writes, response, |_| None).await
}

/// `GET /v1/admin/tenants`.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let mut query = ListQuery::all(Tenant::DIRECTORY);
    (query.limit, query.cursor) = (request.limit()?, cursor::open("tenants", request)?);
    let page = app.store().list(&query).await?;
    let ids: Vec<TenantId> =
        page.records.iter().map(Record::document).collect::<Result<_, _>>().map_err(StoreError::from)?;
    let places: Vec<Key> = ids.iter().map(Tenant::at).collect();
    let records = if places.is_empty() { Vec::new() } else { app.store().get_many(&places).await? };
    let tenants: Vec<Tenant> =
        records.iter().flatten().map(Record::document).collect::<Result<_, _>>().map_err(StoreError::from)?;
    let tenants = tenants.iter().map(shown).collect();
    let list = TenantList { tenants, pagination: Pagination::after("tenants", &page) };
    Ok(Response::json(StatusCode::OK, &list))
}

/// `POST /v1/admin/tenants/{id}/suspend`; again is fine.
pub(super) async fn suspend(app: &App, request: &Request) -> Result<Response, Problem> {
    let tenant = put_status(app, request, TenantStatus::Suspended).await?;
    Ok(Response::json(StatusCode::OK, &shown(&tenant)))
}

/// `POST /v1/admin/tenants/{id}/resume`; again is fine.
pub(super) async fn resume(app: &App, request: &Request) -> Result<Response, Problem> {
    let tenant = put_status(app, request, TenantStatus::Active).await?;
    Ok(Response::json(StatusCode::OK, &shown(&tenant)))
}

/// `DELETE /v1/admin/tenants/{id}`. With its keys everything that they sealed is noise at once; the users' records
/// are removed after that, and a repeat goes on where this was cut short.
pub(super) async fn delete(app: &App, request: &Request) -> Result<Response, Problem> {
    let tenant = put_status(app, request, TenantStatus::Deleted).await?;
    for _ in 0..PURGE_PAGES_MAX {
        if !purge(app, &tenant.id).await? {
            break;
        }
    }
    Ok(Response::json(StatusCode::OK, &erased(app.clock().now())))
}

/// Where holds are looked for, among the writes that delete a tenant.
const HOLDS_AT: usize = 2;

async fn put_status(app: &App, request: &Request, status: TenantStatus) -> Result<Tenant, Problem> {
    let unknown = || NOT_FOUND.because("no such tenant");
    let id = request.parameter("id")?;
    let id: TenantId =
        Some(id).filter(|id| is_id("ten", id)).and_then(|id| id.parse().ok()).ok_or_else(unknown)?;
    let place = Tenant::at(&id);
    let (mut tenant, version): (Tenant, u64) =
        versioned(app.store().get(&place).await?)?.ok_or_else(unknown)?;
    if tenant.operator {
        return Err(FORBIDDEN.because("the tenant that runs the platform is neither suspended nor deleted"));
    }
    match (tenant.status, status) {
        (now, wanted) if now == wanted => return Ok(tenant),
        // What was destroyed does not come back.
        (TenantStatus::Deleted, _) => return Err(unknown()),
        _ => {}
    }
    tenant.status = status;
    tenant.events += 1;
    let destroyed = status == TenantStatus::Deleted;
    if destroyed {
        // With the salt nobody can tell which network a pseudonym was.
        tenant.salt = String::new();
        tenant.name = "deleted".to_owned();
    }
    let fact = TenantStatusChanged { tenant_id: id.to_string(), status, keys_destroyed: destroyed };
    let told = app.emit(&fact, (id.as_str(), tenant.events), &id, &request.actor()?);
    let mut writes = vec![Write::put(place, &tenant, Condition::VersionIs(version)), told];
    if destroyed {
        writes.push(hold::none_in(&id));
        writes.push(DataKeys::destruction(&id));
        // The ledger's key of the tenant: its entries close, and every proof stands (`shared/ledger/src/keys.rs`).
        let ledger = Key::new(format!("{id}#ledger-key"), "current");
        writes.push(Write::Delete { key: ledger, condition: Condition::Always });
        writes.push(Write::Delete { key: Tenant::listed_at(&id), condition: Condition::Always });
    }
    match app.commit(&writes).await {
        Err(StoreError::Conflict { index: HOLDS_AT }) if destroyed => {
            Err(LEGAL_HOLD.because("a legal hold of this tenant keeps it from being deleted"))
        }
        done => {
            done?;
            Ok(tenant)
        }
    }
}

/// `POST /v1/tenant/export`: a page of everything. The first one is an event.
pub(super) async fn export(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: Export = request.json()?;
    let tenant = tenant_of(app, request.tenant()?).await?;
    let bad = || {
        INVALID_REQUEST.because("the cursor does not belong to this export").at("/cursor", "not from here")
    };
    let (part, from) = match &asked.cursor {
        None => (0, None),
        Some(text) => {
            let opened = cursor::open_text("export", text).ok_or_else(bad)?;
            let (part, from) = opened.split_once('#').ok_or_else(bad)?;
            let part: usize = part.parse().ok().filter(|part| *part < PARTS.len()).ok_or_else(bad)?;
            (part, Some(from.to_owned()).filter(|from| !from.is_empty()))
        }
    };
    let mut records = Vec::new();
    if asked.cursor.is_none() {
        let id = new_id("exp", app.clock());
        let fact = TenantExported { export_id: id.clone() };
        app.commit(&[app.emit(&fact, (&id, 1), &tenant.id, &request.actor()?)]).await?;
        let document = serde_json::json!(shown(&tenant));
        records.push(ExportedRecord { part: "tenant", id: tenant.id.to_string(), document });
    }
    let (name, partition) = PARTS[part];
    let mut query = ListQuery::all(format!("{}#{partition}", tenant.id));
    (query.limit, query.cursor) = (EXPORT_RECORDS, from);
    let page = app.store().list(&query).await?;
    for record in &page.records {
        let document = match name {
            "users" => person(app, &tenant.id, record).await?,
            "verdicts" => verdict(record)?,
            _ => record.document().map_err(StoreError::from)?,
        };
        records.push(ExportedRecord {
            part: name,
            id: record.key.sort.clone(),
            document: without_secrets(document),
        });
    }
    let next = match page.cursor {
        Some(next) => Some(format!("{part}#{next}")),
        None => (part + 1 < PARTS.len()).then(|| format!("{}#", part + 1)),
    };
    let pagination = Pagination { next_cursor: next.map(|next| cursor::seal("export", &next)) };
    Ok(Response::json(StatusCode::OK, &Exported { records, pagination }))
}

async fn person(app: &App, tenant: &TenantId, record: &Record) -> Result<Value, Problem> {
    let user: User = record.document().map_err(StoreError::from)?;
    let key = app.data_keys.of(tenant).await.map_err(sealed)?;
    let Names { email, name } = Names::of(&user, &key).map_err(sealed)?;
    Ok(serde_json::json!(User { email, name, ..user }))
}

/// A verdict's record has the text that was answered, and no document.
fn verdict(record: &Record) -> Result<Value, Problem> {
    let text = record.attributes.text("verdict");
    let text = text.ok_or_else(|| INTERNAL.because("a verdict's record without its text"))?;
    serde_json::from_str(text).map_err(|error| INTERNAL.because(error))
}

fn without_secrets(mut document: Value) -> Value {
    match &mut document {
        Value::Object(members) => {
            members.retain(|name, _| !SECRETS.contains(&name.as_str()));
            for member in members.values_mut() {
                *member = without_secrets(member.take());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_secrets(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    document
}
