//! One file over HTTP: resumed, capped, checked.

use optin::prune::failure::{Code, Failure};
use optin::prune::stage::Stage;
use optin::prune::watch::Watch;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{FILES, House};
use crate::fixture::hub::{FakeHub, Fault, Untold};
use crate::fixture::refusal::assert_says;

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let house = House::new(FILES).await;
    house.hub.fault("model.safetensors", Fault::CutOnce(1_500));
    house.hub.fault("config.json", Fault::BusyOnce);
    let fetched = house.fetch().await.unwrap();
    assert_eq!(
        std::fs::read(fetched.places.model.join("model.safetensors")).unwrap(),
        [7; 4_000]
    );
    let asked = house.hub.asked();
    let ranges: Vec<_> = asked
        .iter()
        .filter(|(name, _)| name == "model.safetensors")
        .map(|(_, range)| range.clone())
        .collect();
    assert_eq!(ranges, [None, Some("bytes=1500-".to_owned())]);
    assert_eq!(house.asked_for("config.json"), 2);
}

#[tokio::test]
async fn a_fetch_that_was_stopped_is_taken_up_by_the_next() {
    struct Impatient(AtomicUsize);
    impl Watch for Impatient {
        fn stage(&self, _: Stage) {}
        fn progress(&self, _: u64, _: u64) {}
        fn proceed(&self) -> Result<(), Failure> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0..12 => Ok(()),
                _ => Err(Failure::new(Code::Canceled, "enough")),
            }
        }
    }
    let house = House::new(FILES).await;
    house.hub.fault("model.safetensors", Fault::Slow);
    let stopped = house
        .sources
        .fetch(
            &house.recipe(),
            PathBuf::new(),
            &Impatient(AtomicUsize::new(0)),
        )
        .await
        .unwrap_err();
    assert_eq!(stopped.code, Code::Canceled);
    let fetched = house.fetch().await.unwrap();
    assert_eq!(
        std::fs::read(fetched.places.model.join("model.safetensors")).unwrap(),
        [7; 4_000]
    );
    let resumed = house
        .hub
        .asked()
        .into_iter()
        .any(|(name, range)| name == "model.safetensors" && range.is_some());
    assert!(resumed, "{:?}", house.hub.asked());
}

#[tokio::test]
async fn bytes_that_are_not_what_was_listed_are_refused_and_never_kept() {
    let weights = "model.safetensors";
    for (file, fault, code, word) in [
        (weights, Fault::Altered, Code::SourceMismatch, "SHA-256"),
        (
            "config.json",
            Fault::Altered,
            Code::SourceMismatch,
            "git id",
        ),
        (
            weights,
            Fault::Longer,
            Code::SourceMismatch,
            "announced (4000 bytes)",
        ),
        (
            "config.json",
            Fault::Longer,
            Code::SourceMismatch,
            "announced (2 bytes)",
        ),
        (
            weights,
            Fault::Short(1_500),
            Code::SourceUnavailable,
            "1500 of 4000",
        ),
        (
            weights,
            Fault::Busy,
            Code::SourceUnavailable,
            "after 5 tries",
        ),
    ] {
        let house = House::new(FILES).await;
        house.hub.fault(file, fault);
        let failure = house.fetch().await.unwrap_err();
        assert_says(&failure, code, &[file, "hf://org/model@", word]);
        house.hub.mend();
        let fetched = house.fetch().await.unwrap();
        let read = |name: &str| std::fs::read(fetched.places.model.join(name)).unwrap();
        assert_eq!(read(weights), [7; 4_000], "after {fault:?}");
        assert_eq!(read("config.json"), b"{}", "after {fault:?}");
    }
}

#[tokio::test]
async fn where_a_listing_tells_no_size_the_answer_does() {
    let untold = Untold {
        sizes: true,
        digests: true,
    };
    let house = House::new(FILES).await;
    house.hub.leave_out(untold);
    house.fetch().await.unwrap();

    // What names its size in the redirect, and then comes cut without a word.
    let elsewhere = FakeHub::start(FILES).await;
    elsewhere.fault("model.safetensors", Fault::Short(1_500));
    let house = House::new(FILES).await;
    house.hub.leave_out(untold);
    house.hub.redirect_to(&elsewhere.url);
    let failure = house.fetch().await.unwrap_err();
    let words = ["model.safetensors", "1500 of 4000 bytes arrived"];
    assert_says(&failure, Code::SourceUnavailable, &words);

    // With neither, a cut file could not be told from a whole one.
    let house = House::new(FILES).await;
    house.hub.leave_out(untold);
    house.hub.fault("model.safetensors", Fault::Unsized);
    let failure = house.fetch().await.unwrap_err();
    let words = ["model.safetensors", "no announced size", "--hub-endpoint"];
    assert_says(&failure, Code::SourceMismatch, &words);

    // A digest alone tells it.
    house.hub.leave_out(Untold {
        sizes: true,
        digests: false,
    });
    house.fetch().await.unwrap();
}

#[tokio::test]
async fn a_page_in_place_of_a_file_is_told_at_once() {
    let house = House::new(FILES).await;
    house.hub.fault("model.safetensors", Fault::Page);
    let failure = house.fetch().await.unwrap_err();
    assert_says(
        &failure,
        Code::SourceMismatch,
        &["web page", "model.safetensors of hf://org/model"],
    );
    assert_eq!(house.asked_for("model.safetensors"), 1);
}
