//! The list of behaviors that every job store must have. Each behavior runs as a separate test with a new store.

mod access;
mod claiming;
mod creating;
mod ending;
mod retention;
mod tenants;
mod waiting;

pub use access::*;
pub use claiming::*;
pub use creating::*;
pub use ending::*;
pub use retention::*;
pub use tenants::*;
pub use waiting::*;

use optin::artifact::manifest::{Manifest, StoredFile};
use optin::job::store::{Outcome, Store as AnyStore};
use optin::job::{JobId, Scope};
use std::sync::Arc;
use std::time::Duration;

use crate::fixture::job::report;

const LONG_MS: i64 = 60_000;
/// Longer than the pauses between two calls on a busy machine.
const SHORT_MS: i64 = 400;

pub type Store = Arc<dyn AnyStore>;

fn manifest() -> Manifest {
    Manifest {
        files: vec![StoredFile {
            name: "a".parse().unwrap(),
            key: "jobs/x/1/a".into(),
            bytes: 3,
            sha256: "00".into(),
        }],
    }
}

/// Returns the outcome of a successful attempt.
pub fn succeeded() -> Outcome {
    Outcome::Succeeded {
        report: Box::new(report()),
        manifest: manifest(),
    }
}

/// Waits slightly longer than this time.
async fn past(ms: i64) {
    tokio::time::sleep(Duration::from_millis(ms as u64 + 30)).await;
}

/// Returns the types of the events of a job, and checks that the sequence numbers have no gaps.
async fn types(store: &Store, id: JobId) -> Vec<String> {
    let events = store.events(&Scope::Service, id, 0, 1_000).await.unwrap();
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.sequence, index as i64 + 1);
    }
    events
        .iter()
        .map(|event| {
            serde_json::to_value(&event.body).unwrap()["type"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

/// Defines one test for each behavior. `$open` returns a new store and a value that must outlive it.
macro_rules! conformance {
    ($open:path) => {
        $crate::job_store::behaviours::conformance!($open:
            a_created_job_is_queued_and_can_be_read,
            an_idempotency_key_replays_its_job_and_rejects_another_body,
            concurrent_requests_with_one_idempotency_key_create_one_job,
            lists_are_paginated_newest_first_and_filtered,
            jobs_are_counted_by_state_under_the_other_filters,
            ids_contain_the_database_time,
            every_change_increments_the_version,
            a_manifest_exists_only_after_the_job_has_succeeded,
            a_claim_whose_response_was_lost_is_recovered_by_the_same_worker,
            an_outage_does_not_count_as_an_attempt_and_holds_the_job,
            only_one_process_polls_for_a_waiting_job,
            a_waiting_job_can_be_canceled_and_can_expire,
            only_ended_jobs_can_be_deleted,
            events_are_paginated_in_order,
            the_queue_depth_counts_queued_and_running_jobs,
            claims_return_each_job_once_and_the_oldest_first,
            concurrent_workers_claim_every_job_exactly_once,
            an_expired_lease_is_reclaimed_and_its_former_holder_is_fenced,
            a_heartbeat_renews_the_lease_and_stores_progress,
            finishing_an_attempt_twice_has_one_effect,
            a_cancel_request_ends_a_queued_job_and_notifies_a_running_one,
            a_job_that_finishes_despite_a_cancel_request_succeeds,
            a_retryable_failure_after_a_cancel_request_cancels_the_job,
            the_sweeper_cancels_a_job_whose_worker_died_after_a_cancel_request,
            a_deadline_ends_a_queued_job_and_notifies_a_running_one,
            only_retryable_failures_are_retried,
            a_job_fails_when_its_attempts_are_exhausted,
            an_interrupted_attempt_requeues_the_job_and_is_not_counted,
            concurrent_sweepers_end_each_job_once,
            jobs_of_other_tenants_are_not_found,
            processes_with_workers_and_leases_of_the_tenant_are_listed,
            the_position_of_a_queued_job_counts_the_jobs_that_start_before_it,
            tenants_have_separate_idempotency_keys,
            tenants_take_turns,
            jobs_with_higher_priority_are_claimed_first_within_a_tenant,
            a_priority_does_not_pass_another_tenant,
            the_tenant_with_the_fewest_running_jobs_is_next,
            one_worker_stays_for_other_tenants_by_default,
            a_single_worker_runs_jobs_of_any_tenant,
            every_tenant_gets_a_turn_before_any_gets_two,
            each_device_has_a_separate_queue,
            quotas_limit_queued_and_running_jobs,
            a_key_can_be_created_found_listed_and_revoked,
            a_key_is_valid_only_with_its_secret_and_until_it_expires_or_is_revoked,
            keys_of_other_tenants_are_not_found,
            the_last_use_of_a_key_is_updated_at_most_once_a_minute,
            audit_entries_of_a_tenant_are_paginated_newest_first,
            audit_entries_are_deleted_after_their_retention_period,
            old_files_are_listed_only_for_ended_jobs_with_files,
            old_jobs_are_listed_only_if_they_have_ended,
        );
    };
    ($open:path: $($name:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                let (_keep, store) = $open().await;
                $crate::job_store::behaviours::$name(store).await;
            }
        )+
    };
}
pub(crate) use conformance;
