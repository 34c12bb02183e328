//! Tests of the artifact stores. Each backend must pass the same list of tests.

mod behaviors;
mod crash;
mod flags;
mod local;
mod s3;
mod s3_errors;
mod urls;

/// Defines one test per behavior. `$setup` returns a guard and a store; the guard must live until the test ends.
macro_rules! store_tests {
    ($setup:expr) => {
        crate::artifact_store::store_tests!($setup;
            a_file_can_be_stored_and_read_and_has_a_size,
            a_large_file_is_uploaded_in_parts,
            a_range_of_bytes_can_be_read,
            a_listing_contains_sizes_and_modification_times,
            deleting_attempt_1_does_not_delete_attempt_10,
            files_in_folders_are_listed_and_deleted_with_their_attempt,
            a_missing_object_is_not_found,
            a_small_object_is_replaced_and_read_within_a_size_limit,
            an_object_is_copied_to_a_file_within_a_size_limit,
            a_failed_upload_leaves_no_object,
            a_canceled_upload_leaves_no_object,
            contents_that_no_upload_announces_are_removed,
            the_usage_of_uploads_is_that_of_their_records,
        );
    };
    ($setup:expr; $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (_guard, store) = $setup;
                crate::artifact_store::behaviors::$name(store).await;
            }
        )+
    };
}
use store_tests;
