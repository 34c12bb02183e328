//! What every artifact store shows: one list of behaviours, run against each backend.

mod behaviours;
mod crash;
mod flags;
mod ill;
mod local;
mod s3;
mod urls;

/// One test of each behaviour, against the store of this place; the guard keeps the place alive.
macro_rules! shows {
    ($place:expr) => {
        crate::artifact_store::shows!($place;
            a_file_is_stored_read_and_sized,
            a_large_file_goes_in_parts,
            a_range_is_read,
            objects_are_listed_with_size_and_time,
            a_prefix_is_removed_and_attempt_1_is_no_prefix_of_10,
            what_is_missing_is_not_found,
            a_small_object_is_put_whole_and_read_under_a_cap,
            an_object_is_copied_to_a_file_under_a_cap,
            an_upload_that_fails_leaves_nothing,
            an_upload_that_nobody_waits_for_leaves_nothing,
        );
    };
    ($place:expr; $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (_guard, store) = $place;
                crate::artifact_store::behaviours::$name(store).await;
            }
        )+
    };
}
use shows;
