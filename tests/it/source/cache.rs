//! How long a cache keeps what was fetched.

use optin::prune::failure::Code;
use optin::prune::watch::Unwatched;
use optin::worker::source::cache::Cache;
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
        let made = cache.entry(key, 100, &Unwatched, async {
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
        .entry("huge", 251, &Unwatched, async { Ok(()) })
        .await
        .unwrap_err();
    assert!(
        failure.code == Code::LimitExceeded && failure.detail.contains("--cache-gib"),
        "{failure:?}"
    );
}
