//! Every transaction and every request of a job's life fails once, in each way that a connection can fail.
//!
//! What is hit is not listed: a life is lived with the first mark failing, then the second, until one is not reached any
//! more. A mark is a moment at which a database or a bucket keeps what it was told, or a hub is asked.

mod town;

use std::time::Duration;
use tokio::task::JoinSet;

use crate::fixture::proxy::Fault;
use town::{PARTS_BYTES, Place, Town};

/// Lives one life for each mark of a place, and tells how many there are.
async fn each_mark(place: Place, fault: Fault) -> usize {
    let town = match place {
        Place::Bucket => Town::new(PARTS_BYTES).await,
        Place::Database | Place::Hub => Town::new(10).await,
    };
    for nth in 0.. {
        town.proxy(place).arm(nth, fault);
        town.life().await;
        if !town.proxy(place).has_struck() {
            return nth;
        }
    }
    unreachable!("a life has an end")
}

/// All these faults of a place, each in a town of its own: most of a life with a fault is waiting.
async fn each_fault(place: Place, faults: &[Fault], least_marks: usize) {
    let mut lanes = JoinSet::new();
    for &fault in faults {
        lanes.spawn(async move { (fault, each_mark(place, fault).await) });
        // Not all at the same mark in the same moment.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    while let Some(lane) = lanes.join_next().await {
        let (fault, marks) = lane.unwrap_or_else(|error| panic!("{place:?}: {error}"));
        assert!(
            marks >= least_marks,
            "{place:?}, {fault:?}: only {marks} marks"
        );
    }
}

const CONNECTION: [Fault; 4] = [
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::StallBefore,
    Fault::StallAfter,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_transaction_of_a_life_fails_once_in_each_way() {
    each_fault(Place::Database, &CONNECTION, 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_to_the_bucket_fails_once_in_each_way() {
    let answers = [Fault::Answer(403), Fault::Answer(500)];
    each_fault(Place::Bucket, &[&CONNECTION[..], &answers].concat(), 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_to_the_hub_fails_once_in_each_way() {
    let answers = [Fault::Answer(429), Fault::Answer(502)];
    each_fault(Place::Hub, &[&CONNECTION[..], &answers].concat(), 5).await;
}
