//! Downloads of files over HTTP: resuming, size limits and checks.

use optin::prune::failure::{Code, Failure};
use optin::prune::stage::Stage;
use optin::prune::watch::Watch;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{FILES, Setup};
use crate::fixture::hub::{FakeHub, Fault, Untold};
use crate::fixture::refusal::assert_says;

#[tokio::test]
async fn an_interrupted_download_resumes_at_the_same_byte() {
    let setup = Setup::new(FILES).await;
    setup.hub.fault("model.safetensors", Fault::CutOnce(1_500));
    setup.hub.fault("config.json", Fault::BusyOnce);
    let fetched = setup.fetch().await.unwrap();
    assert_eq!(
        std::fs::read(fetched.places.model.join("model.safetensors")).unwrap(),
        [7; 4_000]
    );
    let asked = setup.hub.asked();
    let ranges: Vec<_> = asked
        .iter()
        .filter(|(name, _)| name == "model.safetensors")
        .map(|(_, range)| range.clone())
        .collect();
    assert_eq!(ranges, [None, Some("bytes=1500-".to_owned())]);
    assert_eq!(setup.request_count("config.json"), 2);
}

#[tokio::test]
async fn a_stopped_fetch_is_resumed_by_the_next() {
    struct StopAfterTwelve(AtomicUsize);
    impl Watch for StopAfterTwelve {
        fn stage(&self, _: Stage) {}
        fn progress(&self, _: u64, _: u64) {}
        fn proceed(&self) -> Result<(), Failure> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0..12 => Ok(()),
                _ => Err(Failure::new(Code::Canceled, "enough")),
            }
        }
    }
    let setup = Setup::new(FILES).await;
    setup.hub.fault("model.safetensors", Fault::Slow);
    let stopped = setup
        .sources
        .fetch(
            &setup.recipe(),
            PathBuf::new(),
            &StopAfterTwelve(AtomicUsize::new(0)),
        )
        .await
        .unwrap_err();
    assert_eq!(stopped.code, Code::Canceled);
    let fetched = setup.fetch().await.unwrap();
    assert_eq!(
        std::fs::read(fetched.places.model.join("model.safetensors")).unwrap(),
        [7; 4_000]
    );
    let resumed = setup
        .hub
        .asked()
        .into_iter()
        .any(|(name, range)| name == "model.safetensors" && range.is_some());
    assert!(resumed, "{:?}", setup.hub.asked());
}

#[tokio::test]
async fn bytes_that_differ_from_the_listing_are_rejected_and_not_kept() {
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
        let setup = Setup::new(FILES).await;
        setup.hub.fault(file, fault);
        let failure = setup.fetch().await.unwrap_err();
        assert_says(&failure, code, &[file, "hf://org/model@", word]);
        setup.hub.mend();
        let fetched = setup.fetch().await.unwrap();
        let read = |name: &str| std::fs::read(fetched.places.model.join(name)).unwrap();
        assert_eq!(read(weights), [7; 4_000], "after {fault:?}");
        assert_eq!(read("config.json"), b"{}", "after {fault:?}");
    }
}

#[tokio::test]
async fn the_size_comes_from_the_response_if_the_listing_has_none() {
    let untold = Untold {
        sizes: true,
        digests: true,
    };
    let setup = Setup::new(FILES).await;
    setup.hub.leave_out(untold);
    setup.fetch().await.unwrap();

    // The redirect states the size, and the file arrives truncated without an error.
    let elsewhere = FakeHub::start(FILES).await;
    elsewhere.fault("model.safetensors", Fault::Short(1_500));
    let setup = Setup::new(FILES).await;
    setup.hub.leave_out(untold);
    setup.hub.redirect_to(&elsewhere.url);
    let failure = setup.fetch().await.unwrap_err();
    let words = ["model.safetensors", "1500 of 4000 bytes arrived"];
    assert_says(&failure, Code::SourceUnavailable, &words);

    // Without any size, a truncated file cannot be distinguished from a complete one.
    let setup = Setup::new(FILES).await;
    setup.hub.leave_out(untold);
    setup.hub.fault("model.safetensors", Fault::Unsized);
    let failure = setup.fetch().await.unwrap_err();
    let words = ["model.safetensors", "no announced size", "--hub-endpoint"];
    assert_says(&failure, Code::SourceMismatch, &words);

    // A digest is sufficient to detect truncation.
    setup.hub.leave_out(Untold {
        sizes: true,
        digests: false,
    });
    setup.fetch().await.unwrap();
}

#[tokio::test]
async fn a_web_page_in_place_of_a_file_fails_without_a_retry() {
    let setup = Setup::new(FILES).await;
    setup.hub.fault("model.safetensors", Fault::Page);
    let failure = setup.fetch().await.unwrap_err();
    assert_says(
        &failure,
        Code::SourceMismatch,
        &["web page", "model.safetensors of hf://org/model"],
    );
    assert_eq!(setup.request_count("model.safetensors"), 1);
}
