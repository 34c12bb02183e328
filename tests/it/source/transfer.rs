//! Transfers that stall, are slow, or are refused with `Retry-After`: timeouts and error messages.

use optin::artifact::progress::Patience;
use optin::prune::failure::{Code, Failure};
use std::time::{Duration, Instant};

use super::{FILES, Setup};
use crate::fixture::hub::{Fault, LISTING};
use crate::fixture::refusal::assert_says;

const WEIGHTS: &str = "model.safetensors";

/// Timeout of a fetch: longer than the pauses between five tries, and far shorter than the faults of these tests last.
const TIMEOUT: Duration = Duration::from_secs(15);

async fn fetch_failure(setup: &Setup) -> Failure {
    let fetched = tokio::time::timeout(TIMEOUT, setup.fetch()).await;
    fetched
        .expect("the fetch does not end in time")
        .unwrap_err()
}

#[tokio::test]
async fn a_stalled_or_very_slow_transfer_times_out() {
    for fault in [Fault::Stalls(0), Fault::Stalls(10), Fault::Slow] {
        let setup = Setup::with_short_timeouts(FILES).await;
        setup.hub.fault(WEIGHTS, fault);
        let failure = fetch_failure(&setup).await;
        let words = [
            WEIGHTS,
            "after 5 tries",
            "fewer than 1000 bytes arrived within 0.5 s",
            "127.0.0.1:",
        ];
        assert_says(&failure, Code::SourceUnavailable, &words);
        assert_eq!(setup.request_count(WEIGHTS), 5, "{fault:?}");
    }
}

#[tokio::test]
async fn a_stalled_or_very_slow_listing_times_out() {
    let stalled = Setup::with_short_timeouts(FILES).await;
    stalled.hub.fault(LISTING, Fault::Stalls(10));
    // Each window receives enough bytes, but the whole listing takes a second.
    let slow = Patience {
        answer: Duration::from_millis(600),
        least_bytes: 1,
        within: Duration::from_secs(5),
    };
    let slow = Setup::with_patience(FILES, 1 << 20, None, slow).await;
    slow.hub.fault(LISTING, Fault::Slow);
    for (setup, word) in [
        (stalled, "fewer than 1000 bytes arrived within 0.5 s"),
        (slow, "the listing did not arrive within 0.6 s"),
    ] {
        let failure = fetch_failure(&setup).await;
        let words = ["the hub at 127.0.0.1", "hf://org/model@v1", word];
        assert_says(&failure, Code::SourceUnavailable, &words);
    }
}

#[tokio::test]
async fn a_slow_transfer_above_the_minimum_speed_succeeds() {
    let setup = Setup::new(FILES).await;
    setup.hub.fault("config.json", Fault::Slow);
    setup.fetch().await.unwrap();
}

#[tokio::test]
async fn a_short_retry_after_is_obeyed() {
    for asked in [LISTING, WEIGHTS] {
        let setup = Setup::new(FILES).await;
        setup.hub.fault(asked, Fault::AgainOnce("1"));
        let start = Instant::now();
        setup.fetch().await.unwrap();
        assert!(start.elapsed() >= Duration::from_secs(1), "{asked}");
    }
}

#[tokio::test]
async fn a_long_retry_after_is_returned_with_the_failure() {
    for asked in [LISTING, WEIGHTS] {
        let setup = Setup::new(FILES).await;
        setup.hub.fault(asked, Fault::Again("3600"));
        let failure = fetch_failure(&setup).await;
        assert_says(&failure, Code::SourceUnavailable, &["429"]);
        assert_eq!(failure.retry_after, Some(Duration::from_secs(3_600)));
        assert!(
            setup.request_count(WEIGHTS) <= 1,
            "it must not be requested again"
        );
        setup
            .hub
            .fault(asked, Fault::Again("Tue, 31 Dec 2999 23:59:59 GMT"));
        let failure = fetch_failure(&setup).await;
        assert!(
            failure.retry_after > Some(Duration::from_secs(86_400)),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn an_error_names_the_host_but_not_the_signature_of_the_url() {
    let setup = Setup::new(FILES).await;
    setup.hub.redirect_to("http://127.0.0.1:9");
    let failure = fetch_failure(&setup).await;
    let words = ["could not connect to 127.0.0.1:9 (connection refused)"];
    assert_says(&failure, Code::SourceUnavailable, &words);
    setup.hub.redirect_to("http://cdn.invalid");
    let failure = fetch_failure(&setup).await;
    let words = ["could not connect to cdn.invalid:80: unknown host name"];
    assert_says(&failure, Code::SourceUnavailable, &words);
    assert!(!failure.detail.contains("stranger"), "{failure:?}");
}

#[tokio::test]
async fn a_canceled_fetch_is_resumed_by_the_next() {
    let setup = Setup::new(FILES).await;
    setup.hub.fault(WEIGHTS, Fault::Slow);
    // Dropped at an arbitrary point: some bytes have arrived by then, and no lock may remain.
    let dropped = tokio::time::timeout(Duration::from_millis(700), setup.fetch()).await;
    assert!(dropped.is_err(), "the fetch finished before it was dropped");
    setup.hub.mend();
    let fetched = tokio::time::timeout(TIMEOUT, setup.fetch()).await.unwrap();
    let model = fetched.unwrap().places.model.clone();
    assert_eq!(std::fs::read(model.join(WEIGHTS)).unwrap(), [7; 4_000]);
    let asked = setup.hub.asked();
    let resumed = asked
        .iter()
        .any(|(name, range)| name == WEIGHTS && range.is_some());
    assert!(resumed, "{asked:?}");
}
