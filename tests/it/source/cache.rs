//! The cache of fetched sources: eviction, concurrent use, and removal of unreadable entries.

use optin::prune::failure::{Code, Failure};
use optin::prune::watch::Unwatched;
use optin::worker::source::Fetched;
use optin::worker::source::cache::Cache;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{FILES, Setup};
use crate::fixture::hub::Fault;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_fetches_download_once() {
    let setup = Setup::new(FILES).await;
    setup.hub.fault("config.json", Fault::Slow);
    let fetches = futures::future::join_all((0..8).map(|_| setup.fetch())).await;
    for fetched in fetches {
        assert!(
            fetched
                .unwrap()
                .places
                .model
                .join("model.safetensors")
                .is_file()
        );
    }
    assert_eq!(setup.request_count("model.safetensors"), 1);
}

#[tokio::test]
async fn the_least_recently_used_entries_are_evicted_but_never_those_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 250).unwrap();
    let fill = async |key: &str| {
        let draft = cache.draft(key);
        let entry = cache.entry(key, 100, &Unwatched, |_| async {
            std::fs::write(draft.join("file"), [0; 100])?;
            Ok(())
        });
        let held = entry.await;
        // Gives the next entry a later time of use.
        tokio::time::sleep(Duration::from_millis(20)).await;
        held
    };
    let first = fill("first").await.unwrap();
    drop(fill("second").await.unwrap());
    drop(fill("third").await.unwrap());
    let exists = |key: &str| folder.path().join(key).is_dir();
    assert!(
        exists("first") && !exists("second") && exists("third"),
        "an entry in use was evicted"
    );
    drop(first);
    drop(fill("third").await.unwrap());
    drop(fill("fourth").await.unwrap());
    assert!(
        !exists("first") && exists("third") && exists("fourth"),
        "the evicted entry is not the least recently used one"
    );
    let failure = cache
        .entry("huge", 251, &Unwatched, |_| async { Ok(()) })
        .await
        .unwrap_err();
    assert!(
        failure.code == Code::LimitExceeded && failure.detail.contains("--cache-gib"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn an_unreadable_source_is_fetched_again() {
    let setup = Setup::new(FILES).await;
    let report = |fetched: &Fetched, code, path: &Path| {
        fetched.name_sources(Failure::new(code, format!("{} is bad", path.display())))
    };
    let (weights, data) = ("model.safetensors", "train.tsv");
    let request_counts = |files: [&str; 2]| files.map(|file| setup.request_count(file));

    let fetched = setup.fetch().await.unwrap();
    let model = fetched.places.model.clone();
    std::fs::write(model.join("config.json"), "[]").unwrap();
    let failure = report(
        &fetched,
        Code::InvalidCheckpoint,
        &model.join("config.json"),
    );
    assert_eq!(failure.detail, "hf://org/model@v1/config.json is bad");
    drop(fetched);
    let fetched = setup.fetch().await.unwrap();
    assert_eq!(std::fs::read(model.join("config.json")).unwrap(), b"{}");
    assert_eq!(request_counts([weights, data]), [2, 1]);

    let calibration = fetched.places.calibration.clone();
    report(&fetched, Code::InvalidData, &calibration);
    drop(fetched);
    let fetched = setup.fetch().await.unwrap();
    assert_eq!(request_counts([weights, data]), [2, 2]);

    // A failure that does not concern the sources keeps the entry.
    report(&fetched, Code::TargetUnreachable, &model);
    drop(fetched);
    setup.fetch().await.unwrap();
    assert_eq!(request_counts([weights, data]), [2, 2]);
}

#[tokio::test]
async fn an_unreadable_entry_is_removed_by_its_last_reader() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 20).unwrap();
    let fills = AtomicUsize::new(0);
    let open = async || {
        let draft = cache.draft("key");
        let entry = cache.entry("key", 1, &Unwatched, |_| async {
            fills.fetch_add(1, Ordering::SeqCst);
            std::fs::write(draft.join("file"), "x")?;
            Ok(())
        });
        entry.await.unwrap()
    };
    let file = folder.path().join("key").join("file");
    let (one, other) = (open().await, open().await);
    one.discard();
    drop(one);
    assert!(file.is_file(), "removed while another reader uses it");
    // A new reader gets the same entry without waiting.
    let third = tokio::time::timeout(Duration::from_secs(5), open()).await;
    drop(third.unwrap());
    assert!(file.is_file() && fills.load(Ordering::SeqCst) == 1);
    drop(other);
    assert!(!file.exists(), "not removed by its last reader");
    drop(open().await);
    assert!(file.is_file() && fills.load(Ordering::SeqCst) == 2);

    // A killed reader leaves only the mark. The next reader removes the entry.
    let held = open().await;
    held.discard();
    std::mem::forget(held);
    let lock = folder.path().join("key.lock");
    std::fs::rename(&lock, folder.path().join("gone")).unwrap();
    drop(open().await);
    assert!(file.is_file() && fills.load(Ordering::SeqCst) == 3);
}

#[tokio::test]
async fn an_entry_stays_locked_while_a_thread_still_fills_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 20).unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let first = cache.entry("key", 1, &Unwatched, |filling| async move {
        let thread = tokio::task::spawn_blocking(move || {
            let _filling = filling;
            released.recv().ok();
        });
        thread.await.unwrap();
        Ok(())
    });
    let short = Duration::from_millis(300);
    assert!(tokio::time::timeout(short, first).await.is_err());
    let fills = AtomicUsize::new(0);
    let again = async || {
        let filled = cache.entry("key", 1, &Unwatched, |_| async {
            fills.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        tokio::time::timeout(short, filled).await
    };
    assert!(again().await.is_err() && fills.load(Ordering::SeqCst) == 0);
    drop(release);
    let opened = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            if let Ok(held) = again().await {
                return held.unwrap();
            }
        }
    });
    opened.await.unwrap();
    assert_eq!(fills.load(Ordering::SeqCst), 1);
}
