//! Events, tenants and evidence for tests.

mod doors;
mod whole;
mod world;

use ed25519_dalek::{Signer, SigningKey};
use scorpius_core::{Event, TenantId, UnixMillis};
use serde_json::json;
use tlog_tiles::prove_record;

use crate::bundle::{BUNDLE_FORMAT, Bundle, BundleEntry};
use crate::entry::{PayloadKeys, Recorded, SubjectSecret, TenantKey};
use crate::hash::to_text;
use crate::note::{Checkpoint, Origin, VerifierKey};
use crate::tree::{Edge, Tiles};

pub(crate) use doors::{body, request, told};
pub(crate) use whole::{
    batch, begun, begun_small, check, each_exactly_once, objects_never_changed, published, released,
    released_checkpoints_agree,
};
pub(crate) use world::{MemoryBlobs, Script, Trouble, World, logs, origin};

/// A moment in November 2026.
pub(crate) const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

/// Who caused the events of tests.
pub(crate) const PERSON: &str = "usr_00000000000000000000000000000001";

pub(crate) fn tenant(number: u64) -> TenantId {
    format!("ten_{number:032x}").parse().expect("a tenant")
}

/// The `number`-th event, of tenant 1.
pub(crate) fn event(number: u64) -> Event {
    event_of(number, &tenant(1))
}

pub(crate) fn event_of(number: u64, tenant: &TenantId) -> Event {
    Event {
        specversion: "1.0".to_owned(),
        id: format!("evt_{number:032x}"),
        source: "/scorpius/risk".to_owned(),
        kind: "scorpius.risk.scored.v1".to_owned(),
        subject: format!("vrd_{number}"),
        time: NOW.plus_ms(number).to_string(),
        datacontenttype: "application/json".to_owned(),
        tenantid: tenant.clone(),
        actor: PERSON.to_owned(),
        strength: None,
        network: None,
        traceparent: None,
        aggregate: format!("vrd_{number}"),
        sequence: 1,
        hops: 0,
        data: json!({"number": number, "level": "safe"}),
    }
}

/// A log of `events` under the key of the seed 0909…09, and the bundle that proves all of them.
pub(crate) fn bundle_of(events: &[Event]) -> (Bundle, VerifierKey) {
    let (secret, person) = (TenantKey::new([3; 32]), [SubjectSecret::new([4; 32])]);
    let recorded: Vec<_> = events.iter().map(|event| Recorded::of(event).expect("an entry")).collect();
    let sealed: Vec<_> = recorded.iter().map(|recorded| recorded.sealed(&secret, &person)).collect();
    let leaves: Vec<_> = sealed.iter().map(|sealed| sealed.leaf).collect();
    let mut edge = Edge::empty();
    let full = edge.append(&leaves);
    let tiles =
        full.into_iter().chain(edge.partial_tiles(0)).map(|(name, bytes)| (name, bytes.into())).collect();
    let entries = (0..).zip(sealed).zip(events).map(|((index, sealed), event)| {
        let keys = PayloadKeys::new(&secret, &person, &event.tenantid, &event.id);
        let payload = keys.open(&sealed.payload, &sealed.entry).expect("a payload");
        let proof = prove_record(edge.size(), index, &Tiles(&tiles)).expect("a proof");
        BundleEntry {
            proof: proof.iter().map(to_text).collect(),
            payload: Some(serde_json::from_str(&payload).expect("JSON")),
            blind_key: Some(keys.blind.to_text()),
            entry_key: Some(secret.entry_key(&event.tenantid, &event.id).to_text()),
            entry: sealed.entry,
            index,
        }
    });
    let origin: Origin = "example.com/audit".parse().expect("an origin");
    let checkpoint = Checkpoint { origin: origin.clone(), size: edge.size(), root: edge.root() };
    let signing = SigningKey::from_bytes(&[9; 32]);
    let key = VerifierKey::new(&origin, signing.verifying_key().as_bytes()).expect("a key");
    let signature = signing.sign(checkpoint.body().as_bytes()).to_bytes();
    let bundle = Bundle {
        format: BUNDLE_FORMAT.to_owned(),
        origin: origin.to_string(),
        entries: entries.collect(),
        checkpoint: checkpoint.signed(&key, &signature).expect("a note"),
        own: None,
    };
    (bundle, key)
}
