//! Whether anything was stored since the last look, without reading all of it each time.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::{Everything, everything};
use crate::desk::Desk;

/// Bytes of the header of SQLite's index of its log (<https://sqlite.org/walformat.html>, section 2.1): the count of
/// transactions is in it, so it differs after each commit.
const HEADER_BYTES: usize = 48;

/// What is stored, as it was at the last look.
pub(super) struct Watched {
    index: PathBuf,
    header: [u8; HEADER_BYTES],
    known: Everything,
}

impl Watched {
    pub(super) async fn new(desk: &Desk) -> Self {
        let index = desk.folder().join("scorpius.db-shm");
        Self { header: header(&index), known: everything(&desk.host).await, index }
    }

    /// What was there and what is there, if they differ.
    pub(super) async fn look(&mut self, desk: &Desk) -> Option<(Everything, Everything)> {
        let header = header(&self.index);
        if header == self.header {
            return None;
        }
        self.header = header;
        let now = everything(&desk.host).await;
        (now != self.known).then(|| (std::mem::replace(&mut self.known, now.clone()), now))
    }
}

fn header(index: &PathBuf) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    File::open(index)
        .and_then(|mut file| file.read_exact(&mut header))
        .expect("SQLite keeps an index of its log");
    header
}

#[tokio::test]
async fn every_commit_is_seen_and_an_answer_without_one_is_not() {
    let desk = Desk::open().await;
    let mut watched = Watched::new(&desk).await;
    for n in 0..300 {
        desk.get("/v1/auth/api-keys?limit=1").await.expect(200);
        assert!(watched.look(&desk).await.is_none());
        let made = desk.post("/v1/auth/api-keys", &serde_json::json!({"name": format!("key {n}")})).await;
        made.expect(201);
        let (before, after) = watched.look(&desk).await.expect("a key more");
        assert!(super::events(&after) == super::events(&before) + 1 && after.0.len() > before.0.len());
        // As its log is begun anew now and then, this is tried for a while.
        if n % 50 == 0 {
            desk.settle().await;
            assert!(watched.look(&desk).await.is_some());
        }
    }
}
