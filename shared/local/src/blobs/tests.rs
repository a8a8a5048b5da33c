use proptest::prelude::{prop_assert_eq, proptest};
use scorpius_core::{ManualClock, UnixMillis};

use super::*;

struct World {
    clock: Arc<ManualClock>,
    blobs: FolderBlobs,
    folder: tempfile::TempDir,
}

fn world() -> World {
    let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blobs =
        FolderBlobs::open(folder.path(), clock.clone(), "http://127.0.0.1:8080").expect("an empty folder");
    World { clock, blobs, folder }
}

fn name(text: &str) -> BlobName {
    text.parse().expect("a blob's name")
}

#[tokio::test]
async fn the_first_to_put_a_name_keeps_it() {
    let World { blobs, folder, .. } = world();
    let tasks: Vec<_> = (0..16u8)
        .map(|n| {
            let blobs = blobs.clone();
            tokio::spawn(async move {
                let bytes = Bytes::from(vec![n; 100_000]);
                blobs.put_if_absent(&name("a/b"), bytes).await.expect("the folder takes it")
            })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += u32::from(task.await.expect("the task lives") == Put::Stored);
    }
    assert_eq!(stored, 1);
    let bytes = blobs.get(&name("a/b"), 100_000).await.expect("it is read").expect("it is there");
    assert!(bytes.len() == 100_000 && bytes.iter().all(|byte| *byte == bytes[0]), "two writers were mixed");
    assert_eq!(std::fs::read_dir(folder.path().join("staging")).expect("a folder").count(), 0);
}

#[tokio::test]
async fn a_name_may_be_the_folder_of_another_and_very_long() {
    let World { blobs, .. } = world();
    let long = "x".repeat(512);
    for text in ["a", "a/b", "a/b/c", "a.", &long, &long[..400]] {
        let bytes = Bytes::from(text.to_owned());
        assert_eq!(blobs.put_if_absent(&name(text), bytes).await.expect("the folder takes it"), Put::Stored);
    }
    for text in ["a", "a/b", "a/b/c", "a.", &long, &long[..400]] {
        let bytes = blobs.get(&name(text), 512).await.expect("it is read");
        assert_eq!(bytes.as_deref(), Some(text.as_bytes()));
    }
}

#[tokio::test]
async fn parts_of_a_blob_are_read_and_its_size_is_bounded() {
    let World { blobs, .. } = world();
    blobs.put(&name("a"), Bytes::from_static(b"old")).await.expect("the folder takes it");
    blobs.put(&name("a"), Bytes::from_static(b"0123456789")).await.expect("the folder takes it");
    let range =
        async |range| blobs.get_range(&name("a"), range).await.expect("it is read").expect("it is there");
    assert_eq!(&range(2..5).await[..], b"234");
    assert_eq!(&range(8..u64::MAX).await[..], b"89");
    assert_eq!(&range(10..12).await[..], b"");
    #[expect(clippy::reversed_empty_ranges, reason = "a caller may ask for nothing")]
    let nothing = range(5..2).await;
    assert_eq!(&nothing[..], b"");
    assert!(blobs.get(&name("a"), 9).await.is_err());
    assert_eq!(blobs.get(&name("b"), 9).await.expect("it is read"), None);
    assert_eq!(blobs.get_range(&name("b"), 0..1).await.expect("it is read"), None);
    blobs.delete(&name("a")).await.expect("it is removed");
    blobs.delete(&name("a")).await.expect("removing twice is fine");
    assert_eq!(blobs.get(&name("a"), 10).await.expect("it is read"), None);
}

#[tokio::test]
async fn a_signed_url_allows_what_it_says_until_its_time_is_over() {
    let World { blobs, clock, .. } = world();
    let hour = Duration::from_secs(3600);
    let url = blobs.sign_put(&name("up/a"), 1000, hour * 9).await.expect("a URL");
    let rest = url.strip_prefix("http://127.0.0.1:8080").expect("the base comes first");
    let (path, query) = rest.split_once('?').expect("a query");
    let allowed = Signed::PutOnce { name: name("up/a"), max_bytes: 1000 };
    assert_eq!(blobs.check_signed("PUT", path, query), Ok(allowed));
    let not_signed = Err(BadSignature::NotSigned);
    assert_eq!(blobs.check_signed("GET", path, query), not_signed);
    assert_eq!(blobs.check_signed("DELETE", path, query), not_signed);
    assert_eq!(blobs.check_signed("PUT", "/local/blobs/up/b", query), not_signed);
    assert_eq!(blobs.check_signed("PUT", path, &query.replace("max_bytes=1", "max_bytes=2")), not_signed);
    assert_eq!(blobs.check_signed("PUT", path, &query.replace("expires=1", "expires=2")), not_signed);
    clock.advance_ms(3_600_000);
    assert_eq!(blobs.check_signed("PUT", path, query), Err(BadSignature::Expired));

    let url = blobs.sign_get(&name("up/a"), hour).await.expect("a URL");
    let (path, query) = url["http://127.0.0.1:8080".len()..].split_once('?').expect("a query");
    assert_eq!(blobs.check_signed("GET", path, query), Ok(Signed::Get { name: name("up/a") }));
    assert_eq!(blobs.check_signed("PUT", path, query), not_signed);
}

#[test]
fn an_arbitrary_url_allows_nothing() {
    let World { blobs, folder: _folder, .. } = world();
    proptest!(|(method: String, path: String, query: String)| {
        for method in [method.as_str(), "GET", "PUT"] {
            for path in [path.clone(), format!("/local/blobs/{path}"), "/local/blobs/a".to_owned()] {
                prop_assert_eq!(blobs.check_signed(method, &path, &query), Err(BadSignature::NotSigned));
            }
        }
    });
}

#[tokio::test]
async fn what_nobody_took_goes_after_its_time_and_nothing_else_does() {
    let World { blobs, folder, .. } = world();
    for text in ["batches/old", "batches/new", "batches/within/old", "other/old"] {
        blobs.put(&name(text), Bytes::from_static(b"x")).await.expect("stored");
    }
    let now = SystemTime::now();
    for text in ["batches/old~", "batches/within/old~", "other/old~"] {
        let file = File::options().write(true).open(folder.path().join("blobs").join(text)).expect("a file");
        file.set_modified(now - Duration::from_secs(100)).expect("its time is set");
    }
    for expired in [1, 0] {
        let since = now - Duration::from_secs(50);
        assert_eq!(blobs.expire("batches", since).await.expect("an answer"), expired);
    }
    assert_eq!(blobs.expire("none", now).await.expect("an answer"), 0);
    assert_eq!(blobs.get(&name("batches/old"), 1).await.expect("an answer"), None);
    for text in ["batches/new", "batches/within/old", "other/old"] {
        assert!(blobs.get(&name(text), 1).await.expect("an answer").is_some(), "{text}");
    }
}
