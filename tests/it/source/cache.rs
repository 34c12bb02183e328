//! How long a cache keeps what was fetched.

use optin::prune::failure::{Code, Failure};
use optin::prune::watch::Unwatched;
use optin::worker::source::Fetched;
use optin::worker::source::cache::Cache;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{FILES, House};
use crate::fixture::hub::Fault;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_fetches_at_once_download_once() {
    let house = House::new(FILES).await;
    house.hub.fault("config.json", Fault::Slow);
    let fetches = futures::future::join_all((0..8).map(|_| house.fetch())).await;
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
    assert_eq!(house.asked_for("model.safetensors"), 1);
}

#[tokio::test]
async fn the_cache_makes_room_but_never_of_what_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 250).unwrap();
    let fill = async |key: &str| {
        let draft = cache.draft(key);
        let made = cache.entry(key, 100, &Unwatched, |_| async {
            std::fs::write(draft.join("file"), [0; 100])?;
            Ok(())
        });
        let held = made.await;
        // Times of use differ.
        tokio::time::sleep(Duration::from_millis(20)).await;
        held
    };
    let first = fill("first").await.unwrap();
    drop(fill("second").await.unwrap());
    drop(fill("third").await.unwrap());
    let there = |key: &str| folder.path().join(key).is_dir();
    assert!(
        there("first") && !there("second") && there("third"),
        "the one in use stays"
    );
    drop(first);
    drop(fill("third").await.unwrap());
    drop(fill("fourth").await.unwrap());
    assert!(
        !there("first") && there("third") && there("fourth"),
        "used longest ago"
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
async fn what_does_not_open_is_fetched_again() {
    let house = House::new(FILES).await;
    let told = |fetched: &Fetched, code, place: &Path| {
        fetched.name_sources(Failure::new(code, format!("{} is bad", place.display())))
    };
    let (weights, data) = ("model.safetensors", "train.tsv");
    let asked = |files: [&str; 2]| files.map(|file| house.asked_for(file));

    let fetched = house.fetch().await.unwrap();
    let model = fetched.places.model.clone();
    std::fs::write(model.join("config.json"), "[]").unwrap();
    let failure = told(
        &fetched,
        Code::InvalidCheckpoint,
        &model.join("config.json"),
    );
    assert_eq!(failure.detail, "hf://org/model@v1/config.json is bad");
    drop(fetched);
    let fetched = house.fetch().await.unwrap();
    assert_eq!(std::fs::read(model.join("config.json")).unwrap(), b"{}");
    assert_eq!(asked([weights, data]), [2, 1]);

    let calibration = fetched.places.calibration.clone();
    told(&fetched, Code::InvalidData, &calibration);
    drop(fetched);
    let fetched = house.fetch().await.unwrap();
    assert_eq!(asked([weights, data]), [2, 2]);

    // What went wrong in another way says nothing against the sources.
    told(&fetched, Code::TargetUnreachable, &model);
    drop(fetched);
    house.fetch().await.unwrap();
    assert_eq!(asked([weights, data]), [2, 2]);
}

#[tokio::test]
async fn what_does_not_open_stays_as_long_as_another_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 20).unwrap();
    let fills = AtomicUsize::new(0);
    let open = async || {
        let draft = cache.draft("key");
        let made = cache.entry("key", 1, &Unwatched, |_| async {
            fills.fetch_add(1, Ordering::SeqCst);
            std::fs::write(draft.join("file"), "x")?;
            Ok(())
        });
        made.await.unwrap()
    };
    let file = folder.path().join("key").join("file");
    let (one, other) = (open().await, open().await);
    one.discard();
    drop(one);
    assert!(file.is_file(), "another reads it");
    // Who comes meanwhile reads the same, and waits for nobody.
    let third = tokio::time::timeout(Duration::from_secs(5), open()).await;
    drop(third.unwrap());
    assert!(file.is_file() && fills.load(Ordering::SeqCst) == 1);
    drop(other);
    assert!(!file.exists(), "the last one out removes it");
    drop(open().await);
    assert!(file.is_file() && fills.load(Ordering::SeqCst) == 2);

    // A reader that was killed left only the mark: the next one in removes it.
    let held = open().await;
    held.discard();
    std::mem::forget(held);
    let lock = folder.path().join("key.lock");
    std::fs::rename(&lock, folder.path().join("gone")).unwrap();
    drop(open().await);
    assert!(file.is_file() && fills.load(Ordering::SeqCst) == 3);
}

#[tokio::test]
async fn an_entry_is_nobody_elses_while_a_thread_still_fills_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), 1 << 20).unwrap();
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let begun = cache.entry("key", 1, &Unwatched, |filling| async move {
        let thread = tokio::task::spawn_blocking(move || {
            let _filling = filling;
            told.recv().ok();
        });
        thread.await.unwrap();
        Ok(())
    });
    let short = Duration::from_millis(300);
    assert!(tokio::time::timeout(short, begun).await.is_err());
    let fills = AtomicUsize::new(0);
    let again = async || {
        let filled = cache.entry("key", 1, &Unwatched, |_| async {
            fills.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        tokio::time::timeout(short, filled).await
    };
    assert!(again().await.is_err() && fills.load(Ordering::SeqCst) == 0);
    drop(tell);
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
