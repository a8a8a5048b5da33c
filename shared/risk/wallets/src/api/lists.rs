//! A wallet's allow list and block list.

use http::StatusCode;
use scorpius_core::{Condition, Record, UnixMillis, Write};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{Problem, Request, Response};
use scorpius_risk::address::Account;
use scorpius_risk::api::account;
use serde::Serialize;

use super::documents::{EntryRequest, EntryView, ListView};
use super::{App, LIST_FULL, ON_OTHER_LIST, invalid, sha256_of, words};
use crate::events::{ListEntryRemoved, ListEntrySet};
use crate::guarded::document_or_default;
use crate::lists::{ENTRIES_MAX, Entry, ListName, Lists};
use crate::wallet::Wallet;

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 120;
/// The latest end of an entry, from now.
const LIFE_S_MAX: u64 = 3_660 * 86_400;

/// What an entry's hash is made of.
#[derive(Serialize)]
struct Hashed<'a> {
    wallet_id: &'a str,
    list: ListName,
    address: Account,
    entry: &'a Entry,
}

/// The lists of a wallet that the caller may see or change.
struct Held {
    wallet: Wallet,
    wallet_version: u64,
    lists: Lists,
    version: Option<u64>,
}

async fn held(app: &App, request: &Request) -> Result<Held, Problem> {
    let (wallet, wallet_version) = app.judged(request).await?;
    let record = app.store.get(&Lists::key(request.tenant()?, &wallet.id)).await?;
    let version = record.as_ref().map(|record: &Record| record.version);
    Ok(Held { wallet, wallet_version, lists: document_or_default(record.as_ref())?, version })
}

fn name(request: &Request) -> Result<ListName, Problem> {
    ListName::parse(request.parameter("list")?)
        .ok_or_else(|| NOT_FOUND.because("a wallet has the lists `allow` and `block`"))
}

/// `GET /v1/wallets/{id}/lists/{list}`.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let (list, limit) = (name(request)?, request.limit()?);
    let held = held(app, request).await?;
    let place = format!("wallets/{}/lists/{list}", held.wallet.id);
    let last: Option<Account> = cursor::open(&place, request)?
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| invalid("/cursor", "not from this list"))?;
    let now = request.received_at;
    let counts = held.lists.of(list).iter().filter(|(_, entry)| entry.counts(now));
    let mut rest = counts.skip_while(|(account, _)| last.is_some_and(|last| **account <= last)).peekable();
    let mut entries = Vec::new();
    let mut next = None;
    while let Some((address, entry)) = rest.next() {
        entries.push(view(list, address, entry));
        if entries.len() >= limit {
            next = rest.peek().map(|_| cursor::seal(&place, &address.to_string()));
            break;
        }
    }
    let answer = ListView { entries, pagination: Pagination { next_cursor: next } };
    Ok(Response::json(StatusCode::OK, &answer))
}

/// `PUT /v1/wallets/{id}/lists/{list}/{address}`.
pub(super) async fn put(app: &App, request: &Request) -> Result<Response, Problem> {
    let list = name(request)?;
    let address = account("/address", request.parameter("address")?)?;
    let asked: EntryRequest = request.json()?;
    let now = request.received_at;
    let entry = Entry {
        reason: words("/reason", &asked.reason, REASON_CHARS_MAX)?,
        by: request.principal()?.subject.clone(),
        since: now,
        expires_at: asked.expires_at.as_deref().map(|text| end(text, now)).transpose()?,
    };
    let held = held(app, request).await?;
    if address == held.wallet.address {
        return Err(invalid("/address", "the wallet's own address is on no list of it"));
    }
    let mut lists = held.lists.pruned(now);
    if lists.of(list.other()).contains_key(&address) {
        let other = list.other();
        return Err(ON_OTHER_LIST.because(format_args!("take it off the list `{other}` first")));
    }
    if !lists.of(list).contains_key(&address) && lists.of(list).len() >= ENTRIES_MAX {
        return Err(LIST_FULL.because(format_args!("a list has at most {ENTRIES_MAX} entries")));
    }
    let entry_sha256 = hash(&held.wallet, list, address, &entry)?;
    let shown = view(list, &address, &entry);
    lists.of_mut(list).insert(address, entry);
    let mut wallet = held.wallet;
    wallet.events += 1;
    let fact = ListEntrySet { wallet_id: wallet.id.clone(), list, entry_sha256 };
    let told = app.emit(request, &fact, &wallet)?;
    save(app, request, &wallet, held.wallet_version, &lists, held.version, told).await?;
    Ok(Response::json(StatusCode::OK, &shown))
}

/// `DELETE /v1/wallets/{id}/lists/{list}/{address}`.
pub(super) async fn delete(app: &App, request: &Request) -> Result<Response, Problem> {
    let list = name(request)?;
    let address = account("/address", request.parameter("address")?)?;
    let held = held(app, request).await?;
    let mut lists = held.lists.pruned(request.received_at);
    let removed = lists.of_mut(list).remove(&address);
    let entry = removed.ok_or_else(|| NOT_FOUND.because("the address is not on this list"))?;
    let mut wallet = held.wallet;
    let entry_sha256 = hash(&wallet, list, address, &entry)?;
    wallet.events += 1;
    let fact = ListEntryRemoved { wallet_id: wallet.id.clone(), list, entry_sha256 };
    let told = app.emit(request, &fact, &wallet)?;
    save(app, request, &wallet, held.wallet_version, &lists, held.version, told).await?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

async fn save(
    app: &App,
    request: &Request,
    wallet: &Wallet,
    wallet_version: u64,
    lists: &Lists,
    version: Option<u64>,
    told: Write,
) -> Result<(), Problem> {
    let tenant = request.tenant()?;
    let as_read = version.map_or(Condition::Absent, Condition::VersionIs);
    let writes = [
        Write::put(Wallet::key(tenant, &wallet.id), wallet, Condition::VersionIs(wallet_version)),
        Write::put(Lists::key(tenant, &wallet.id), lists, as_read),
        told,
    ];
    app.commit(&writes).await
}

fn end(text: &str, now: UnixMillis) -> Result<UnixMillis, Problem> {
    let end: UnixMillis = text.parse().map_err(|error| invalid("/expires_at", error))?;
    match end > now && end <= now.plus_s(LIFE_S_MAX) {
        true => Ok(end),
        false => Err(invalid("/expires_at", "later than now, and at most ten years")),
    }
}

fn hash(wallet: &Wallet, list: ListName, address: Account, entry: &Entry) -> Result<String, Problem> {
    sha256_of(&Hashed { wallet_id: &wallet.id, list, address, entry })
}

fn view(list: ListName, address: &Account, entry: &Entry) -> EntryView {
    EntryView {
        address: address.checksummed(),
        list,
        reason: entry.reason.clone(),
        added_by: entry.by.clone(),
        added_at: entry.since.to_string(),
        expires_at: entry.expires_at.map(|at| at.to_string()),
    }
}
