//! Transfers that stall, drip or are told to come again: how long they are waited for, and what is told of them.

use optin::artifact::progress::Patience;
use optin::prune::failure::{Code, Failure};
use std::time::{Duration, Instant};

use super::{FILES, House};
use crate::fixture::hub::{Fault, LISTING};
use crate::fixture::refusal::assert_says;

const WEIGHTS: &str = "model.safetensors";

/// Longer than the pauses between five tries, and far shorter than what the faults here would take.
const SOON: Duration = Duration::from_secs(15);

async fn in_time(house: &House) -> Failure {
    let fetched = tokio::time::timeout(SOON, house.fetch()).await;
    fetched.expect("the fetch never ends").unwrap_err()
}

#[tokio::test]
async fn a_transfer_that_brings_next_to_nothing_ends() {
    for fault in [Fault::Stalls(0), Fault::Stalls(10), Fault::Slow] {
        let house = House::impatient(FILES).await;
        house.hub.fault(WEIGHTS, fault);
        let failure = in_time(&house).await;
        let words = [
            WEIGHTS,
            "after 5 tries",
            "fewer than 1000 bytes arrived within 0.5 s",
            "127.0.0.1:",
        ];
        assert_says(&failure, Code::SourceUnavailable, &words);
        assert_eq!(house.asked_for(WEIGHTS), 5, "{fault:?}");
    }
}

#[tokio::test]
async fn a_listing_that_stalls_or_drips_ends() {
    let stalls = House::impatient(FILES).await;
    stalls.hub.fault(LISTING, Fault::Stalls(10));
    // Fast enough for its pace, but it would take a second in all.
    let drips = Patience {
        answer: Duration::from_millis(600),
        least_bytes: 1,
        within: Duration::from_secs(5),
    };
    let drips = House::patient(FILES, 1 << 20, None, drips).await;
    drips.hub.fault(LISTING, Fault::Slow);
    for (house, word) in [
        (stalls, "fewer than 1000 bytes arrived within 0.5 s"),
        (drips, "the listing did not arrive within 0.6 s"),
    ] {
        let failure = in_time(&house).await;
        let words = ["the hub at 127.0.0.1", "hf://org/model@v1", word];
        assert_says(&failure, Code::SourceUnavailable, &words);
    }
}

#[tokio::test]
async fn what_drips_fast_enough_arrives() {
    let house = House::new(FILES).await;
    house.hub.fault("config.json", Fault::Slow);
    house.fetch().await.unwrap();
}

#[tokio::test]
async fn a_short_pause_that_is_asked_for_is_kept() {
    for asked in [LISTING, WEIGHTS] {
        let house = House::new(FILES).await;
        house.hub.fault(asked, Fault::AgainOnce("1"));
        let start = Instant::now();
        house.fetch().await.unwrap();
        assert!(start.elapsed() >= Duration::from_secs(1), "{asked}");
    }
}

#[tokio::test]
async fn a_long_pause_that_is_asked_for_is_passed_on() {
    for asked in [LISTING, WEIGHTS] {
        let house = House::new(FILES).await;
        house.hub.fault(asked, Fault::Again("3600"));
        let failure = in_time(&house).await;
        assert_says(&failure, Code::SourceUnavailable, &["429"]);
        assert_eq!(failure.retry_after, Some(Duration::from_secs(3_600)));
        assert!(house.asked_for(WEIGHTS) <= 1, "it is not asked again");
        house
            .hub
            .fault(asked, Fault::Again("Tue, 31 Dec 2999 23:59:59 GMT"));
        let failure = in_time(&house).await;
        assert!(
            failure.retry_after > Some(Duration::from_secs(86_400)),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_failure_names_the_host_at_which_it_happened_and_no_signature() {
    let house = House::new(FILES).await;
    house.hub.redirect_to("http://127.0.0.1:9");
    let failure = in_time(&house).await;
    let words = ["could not connect to 127.0.0.1:9 (connection refused)"];
    assert_says(&failure, Code::SourceUnavailable, &words);
    house.hub.redirect_to("http://cdn.invalid");
    let failure = in_time(&house).await;
    let words = ["could not connect to cdn.invalid:80: unknown host name"];
    assert_says(&failure, Code::SourceUnavailable, &words);
    assert!(!failure.detail.contains("stranger"), "{failure:?}");
}

#[tokio::test]
async fn a_fetch_that_nobody_waits_for_is_taken_up_by_the_next() {
    let house = House::new(FILES).await;
    house.hub.fault(WEIGHTS, Fault::Slow);
    // Dropped wherever it is: some bytes have come by then, and no lock may stay behind.
    let dropped = tokio::time::timeout(Duration::from_millis(700), house.fetch()).await;
    assert!(dropped.is_err(), "it was over before it was dropped");
    house.hub.mend();
    let fetched = tokio::time::timeout(SOON, house.fetch()).await.unwrap();
    let model = fetched.unwrap().places.model.clone();
    assert_eq!(std::fs::read(model.join(WEIGHTS)).unwrap(), [7; 4_000]);
    let asked = house.hub.asked();
    let resumed = asked
        .iter()
        .any(|(name, range)| name == WEIGHTS && range.is_some());
    assert!(resumed, "{asked:?}");
}
