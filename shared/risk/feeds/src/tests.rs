use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use scorpius_core::{
    Egress, EgressError, EgressRequest, EgressResponse, ListQuery, ManualClock, Store, StoreError, TenantId,
    UnixMillis,
};
use scorpius_local::{Fate, Local, LocalOptions, ScriptedStore};
use scorpius_risk::intel::{Indicator, Intel, Pointer, pointer_key};

use super::*;

const ONE: &str = "0x098b716b8aaf21512996dc57eb0615e2383e2f96";
const TWO: &str = "0xa7e5d5a720f06526557c513402f2e6b5fa20b008";

/// Status, body and tag.
type Served = (u16, String, Option<String>);

/// Feeds by their path; counts who asked with a tag.
#[derive(Default)]
struct Web {
    pages: Mutex<BTreeMap<String, Served>>,
    tagged: Mutex<u32>,
}

impl Web {
    fn put(&self, url: &str, status: u16, body: &str, etag: Option<&str>) {
        let page = (status, body.to_owned(), etag.map(str::to_owned));
        self.pages.lock().expect("a lock").insert(url.to_owned(), page);
    }
}

#[async_trait]
impl Egress for Web {
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, EgressError> {
        let pages = self.pages.lock().expect("a lock");
        let Some((status, body, etag)) = pages.get(&request.url) else { return Err(EgressError::TimedOut) };
        if body.len() > request.answer_bytes_max {
            return Err(EgressError::TooLong);
        }
        let sent = request.headers.iter().find(|(name, _)| name == "if-none-match").map(|(_, tag)| tag);
        if sent.is_some() && sent == etag.as_ref() {
            *self.tagged.lock().expect("a lock") += 1;
            return Ok(EgressResponse { status: 304, headers: Vec::new(), body: Bytes::new() });
        }
        let headers = etag.iter().map(|tag| ("etag".to_owned(), tag.clone())).collect();
        Ok(EgressResponse { status: *status, headers, body: Bytes::from(body.clone()) })
    }

    fn check_url(&self, _: &str) -> Result<(), EgressError> {
        Ok(())
    }
}

struct World {
    web: Arc<Web>,
    clock: Arc<ManualClock>,
    store: Arc<ScriptedStore>,
    local: Local,
    sync: Sync,
    tenant: TenantId,
    _folder: tempfile::TempDir,
}

const FEEDS: &str = r#"[
    {"name": "thieves", "kind": "threats", "format": "json", "url": "https://feeds.example/thieves"},
    {"name": "sites", "kind": "threats", "format": "phishing-detect", "url": "https://feeds.example/sites", "source": "the detector"}]"#;

fn world() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    // 2027-01-15T08:00:00Z.
    let clock = Arc::new(ManualClock::at(UnixMillis(1_800_000_000_000)));
    let local =
        Local::open(folder.path(), clock.clone(), LocalOptions::default()).expect("a folder that opens");
    let store = Arc::new(ScriptedStore::over(Arc::new(local.store.clone())));
    let web = Arc::new(Web::default());
    web.put("https://feeds.example/thieves", 200, &format!(r#"["{ONE}", "{TWO}"]"#), Some("\"1\""));
    let config = r#"{"blacklist": ["steal.example"], "whitelist": ["fine.example"]}"#;
    web.put("https://feeds.example/sites", 200, config, None);
    let sync = Sync {
        store: store.clone(),
        blobs: Arc::new(local.blobs.clone()),
        egress: web.clone(),
        clock: clock.clone(),
        feeds: feeds_of(FEEDS).expect("feeds"),
    };
    let tenant = TenantId::new(&*clock);
    World { web, clock, store, local, sync, tenant, _folder: folder }
}

impl World {
    async fn run(&self) -> BTreeMap<String, Outcome> {
        self.sync.run(Some(&self.tenant)).await.expect("a run")
    }

    async fn pointer(&self) -> Option<Pointer> {
        let record = self.local.store.get(&pointer_key()).await.expect("it answers")?;
        Some(record.document().expect("a pointer"))
    }

    async fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        for partition in 0..16 {
            let page = self
                .local
                .store
                .list(&ListQuery::all(format!("outbox#{partition}")))
                .await
                .expect("it answers");
            told.extend(page.records.iter().filter_map(|record| {
                let event = record.document::<scorpius_core::Event>().ok()?;
                Some(event.kind.split('.').nth(2)?.to_owned())
            }));
        }
        told.sort();
        told
    }

    /// What the lists say of `account` and `site`, each as list and date.
    async fn ask(&self, account: &str, site: &str) -> Vec<String> {
        let (store, blobs) = (Arc::new(self.local.store.clone()), Arc::new(self.local.blobs.clone()));
        let intel = Intel::new(store, blobs, self.clock.clone());
        let mut asked = vec![Indicator::Evm(account.parse().expect("an account"))];
        asked.extend(Indicator::of_site(&site.parse().expect("a site")));
        let answers = intel.ask(&asked).await.expect("it answers");
        answers.rows.iter().map(|(list, row)| format!("{} {}", list.name, row.date)).collect()
    }

    fn days(&self, days: u64) {
        self.clock.advance_ms(days * 86_400_000);
    }
}

fn read(added: u64, removed: u64) -> Outcome {
    Outcome::Read { added, removed }
}

#[tokio::test]
async fn feeds_become_a_snapshot_that_verdicts_ask() {
    let world = world();
    let outcomes = world.run().await;
    assert_eq!(outcomes["thieves"], read(2, 0));
    assert_eq!(outcomes["sites"], read(2, 0));
    let pointer = world.pointer().await.expect("published");
    let names: Vec<_> = pointer.lists.iter().map(|list| (list.name.as_str(), list.rows)).collect();
    assert_eq!(names, [("thieves", 2), ("sites", 1), ("sites-allowed", 1)]);
    assert_eq!(world.ask(ONE, "www.steal.example").await, ["thieves 2027-01-15", "sites 2027-01-15"]);
    assert_eq!(
        world.ask("0x0000000000000000000000000000000000000001", "app.fine.example").await,
        ["sites-allowed 2027-01-15"]
    );
    assert_eq!(world.told().await, ["snapshot_published"]);
}

#[tokio::test]
async fn before_the_first_start_nothing_is_asked() {
    let world = world();
    assert_eq!(world.sync.run(None).await.expect("a run"), BTreeMap::new());
    assert_eq!(world.pointer().await, None);
    assert_eq!(world.told().await, [""; 0]);
}

#[tokio::test]
async fn what_did_not_change_is_not_published_again_but_grows_no_older() {
    let world = world();
    world.run().await;
    let first = world.pointer().await.expect("published");
    let outcomes = world.run().await;
    assert!(outcomes.values().all(|outcome| *outcome == Outcome::Unchanged), "{outcomes:?}");
    assert_eq!(*world.web.tagged.lock().expect("a lock"), 1, "the tag was sent");
    assert_eq!(world.pointer().await.as_ref(), Some(&first));
    world.days(1);
    world.run().await;
    let next = world.pointer().await.expect("published");
    assert_eq!((next.number, next.lists[0].as_of.as_str()), (2, "2027-01-16"));
    assert_eq!(next.lists[0].version, first.lists[0].version);
    assert_eq!(world.ask(ONE, "a.example").await, ["thieves 2027-01-15"], "the day it was first seen");
}

#[tokio::test]
async fn a_feed_that_is_broken_or_shrank_is_refused_and_its_last_good_list_stays() {
    let world = world();
    world.run().await;
    let good = world.pointer().await;
    let url = "https://feeds.example/thieves";
    for (status, body, reason) in [
        (500, "", "status 500"),
        (302, "", "status 302"),
        (200, "{not json", "not in its form"),
        (200, "[]", "0 rows where at least 1"),
        (200, &format!(r#"["{ONE}"]"#), "shrank from 2 to 1"),
        (200, &format!(r#"["{ONE}", "{TWO}", 1]"#), "1 of 3 entries cannot be read"),
    ] {
        world.web.put(url, status, body, None);
        let Outcome::Refused(said) = &world.run().await["thieves"] else { panic!("{body} was believed") };
        assert!(said.contains(reason), "{said}");
        assert_eq!(world.pointer().await, good);
        assert_eq!(world.ask(ONE, "a.example").await.len(), 1);
    }
    // The same again is not told again.
    let told = world.told().await;
    world.run().await;
    assert_eq!(world.told().await, told);
    assert_eq!(told.iter().filter(|kind| *kind == "feed_refused").count(), 6);
    // And good again.
    world.web.put(url, 200, &format!(r#"["{ONE}", "{TWO}"]"#), None);
    assert_eq!(world.run().await["thieves"], Outcome::Unchanged);
    let state = world.local.store.get(&state_key("thieves")).await.expect("it answers").expect("a state");
    let state: FeedState = state.document().expect("a state");
    assert_eq!((state.refused, state.told), (None, 6));
}

#[tokio::test]
async fn a_feed_of_an_earlier_date_is_refused() {
    let mut world = world();
    let list = |date: &str| {
        format!(
            "<sdnList><publshInformation><Publish_Date>{date}</Publish_Date><Record_Count>1</Record_Count></publshInformation>\
             <sdnEntry><lastName>N</lastName><idList><id><idType>Digital Currency Address - ETH</idType><idNumber>{ONE}</idNumber></id></idList></sdnEntry></sdnList>"
        )
    };
    let feed = r#"[{"name": "ofac", "kind": "sanctions", "format": "ofac-sdn-xml", "url": "https://feeds.example/ofac"}]"#;
    world.sync.feeds = feeds_of(feed).expect("a feed");
    for (date, believed) in [("11/04/2026", true), ("11/03/2026", false), ("11/05/2026", true)] {
        world.web.put("https://feeds.example/ofac", 200, &list(date), None);
        let outcome = &world.run().await["ofac"];
        assert_eq!(!matches!(outcome, Outcome::Refused(_)), believed, "{date}: {outcome:?}");
    }
    assert_eq!(world.pointer().await.expect("published").lists[0].as_of, "2026-11-05");
}

#[tokio::test]
async fn a_run_that_dies_at_its_commit_is_made_up_for_and_tells_once() {
    for (fate, applied) in [(Fate::Fails(StoreError::Busy), false), (Fate::Lost(StoreError::Busy), true)] {
        let world = world();
        world.store.will([fate]);
        assert!(world.sync.run(Some(&world.tenant)).await.is_err());
        assert_eq!(world.pointer().await.is_some(), applied);
        world.run().await;
        assert_eq!(world.pointer().await.expect("published").number, 1);
        assert_eq!(world.told().await, ["snapshot_published"]);
        assert_eq!(world.ask(ONE, "a.example").await.len(), 1);
    }
}

#[tokio::test]
async fn a_feed_that_is_no_longer_named_leaves_the_snapshot() {
    let mut world = world();
    world.run().await;
    world.sync.feeds.remove(0);
    world.run().await;
    assert_eq!(world.ask(ONE, "steal.example").await, ["sites 2027-01-15"]);
}

#[tokio::test]
async fn a_misp_feed_is_read_event_by_event() {
    let mut world = world();
    let feed =
        r#"[{"name": "misp", "kind": "threats", "format": "misp", "url": "https://feeds.example/misp/"}]"#;
    world.sync.feeds = feeds_of(feed).expect("a feed");
    let id = "5b0000f0-0000-4000-8000-000000000001";
    let manifest = format!(r#"{{"{id}": {{"timestamp": 1767312000}}}}"#);
    world.web.put("https://feeds.example/misp/manifest.json", 200, &manifest, None);
    assert!(matches!(&world.run().await["misp"], Outcome::Refused(_)), "an event is missing");
    let event = r#"{"Event": {"info": "Kit", "Attribute": [{"type": "domain", "value": "steal.example", "to_ids": true}]}}"#;
    world.web.put(&format!("https://feeds.example/misp/{id}.json"), 200, event, None);
    assert_eq!(world.run().await["misp"], read(1, 0));
    assert_eq!(world.ask(ONE, "steal.example").await, ["misp 2026-01-02"]);
}

#[test]
fn settings_that_name_no_feeds_are_told() {
    assert!(feeds_of(FEEDS).is_ok());
    assert!(feeds_of("[]").is_ok());
    for (from, to) in [
        ("\"thieves\"", "\"Thieves\""),
        ("\"thieves\"", "\"sites\""),
        ("\"thieves\"", "\"x-allowed\""),
        ("\"thieves\"", "\"\""),
        ("\"json\"", "\"yaml\""),
        ("\"url\"", "\"uri\""),
        ("\"format\"", "\"shrink_percent_max\": 101, \"format\""),
        ("\"format\"", "\"bytes_max\": 0, \"format\""),
    ] {
        assert!(feeds_of(&FEEDS.replacen(from, to, 1)).is_err(), "{to}");
    }
    let feed = &feeds_of(FEEDS).expect("feeds")[0];
    assert_eq!(feed.says(), "feeds.example");
}
