//! Every transaction and every request of a job's life fails once, in each way that a connection can fail.
//!
//! What is hit is not listed: a life is lived with the first mark failing, then the second, until one is not reached any
//! more. A mark is a moment at which a database or a bucket keeps what it was told, or a hub is asked.

mod town;

use crate::fixture::proxy::Fault;
use town::{PARTS_BYTES, Place, Town};

/// Lives one life for each mark of a place.
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

macro_rules! lanes {
    ($($name:ident: $place:ident $fault:expr, $least:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let marks = each_mark(Place::$place, $fault).await;
            assert!(marks >= $least, "only {marks} marks were hit");
        }
    )*};
}

lanes! {
    the_database_is_cut_off_before_each_transaction: Database Fault::CutBefore, 6;
    the_database_is_cut_off_after_each_transaction: Database Fault::CutAfter, 6;
    the_database_stands_still_before_each_transaction: Database Fault::StallBefore, 6;
    the_database_stands_still_after_each_transaction: Database Fault::StallAfter, 6;
    the_bucket_is_cut_off_before_each_request: Bucket Fault::CutBefore, 8;
    the_bucket_is_cut_off_after_each_request: Bucket Fault::CutAfter, 8;
    the_bucket_stands_still_before_each_request: Bucket Fault::StallBefore, 8;
    the_bucket_stands_still_after_each_request: Bucket Fault::StallAfter, 8;
    the_bucket_refuses_each_request: Bucket Fault::Answer(403), 8;
    the_bucket_fails_at_each_request: Bucket Fault::Answer(500), 8;
    the_hub_is_cut_off_before_each_request: Hub Fault::CutBefore, 5;
    the_hub_is_cut_off_after_each_request: Hub Fault::CutAfter, 5;
    the_hub_stands_still_before_each_request: Hub Fault::StallBefore, 5;
    the_hub_stands_still_after_each_request: Hub Fault::StallAfter, 5;
    the_hub_is_overloaded_at_each_request: Hub Fault::Answer(429), 5;
    the_hub_fails_at_each_request: Hub Fault::Answer(502), 5;
}
