//! One file over HTTP: resumed, capped, checked.

use optin::prune::failure::{Code, Failure};
use optin::prune::stage::Stage;
use optin::prune::watch::Watch;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{FILES, House};
use crate::fixture::hub::Fault;
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
async fn bytes_that_are_not_what_was_listed_are_refused() {
    for (fault, code, word) in [
        (Fault::Altered, Code::SourceUnavailable, "SHA-256"),
        (Fault::Longer, Code::LimitExceeded, "larger than"),
        (Fault::Busy, Code::SourceUnavailable, "after 5 tries"),
    ] {
        let house = House::new(FILES).await;
        house.hub.fault("model.safetensors", fault);
        let failure = house.fetch().await.unwrap_err();
        assert!(
            failure.code == code && failure.detail.contains(word),
            "{fault:?}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_file_is_told_at_once() {
    let house = House::new(FILES).await;
    house.hub.fault("model.safetensors", Fault::Page);
    let failure = house.fetch().await.unwrap_err();
    assert_says(
        &failure,
        Code::SourceUnavailable,
        &["web page", "model.safetensors of hf://org/model"],
    );
    assert_eq!(house.asked_for("model.safetensors"), 1);
}
