//! The list. A store is made afresh for each entry; every store runs all of it.

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
/// Longer than a busy machine pauses between two calls.
const SHORT_MS: i64 = 400;

pub type Store = Arc<dyn AnyStore>;

fn manifest() -> Manifest {
    Manifest {
        files: vec![StoredFile {
            name: "a".into(),
            key: "jobs/x/1/a".into(),
            bytes: 3,
            sha256: "00".into(),
        }],
    }
}

pub fn succeeded() -> Outcome {
    Outcome::Succeeded {
        report: Box::new(report()),
        manifest: manifest(),
    }
}

async fn past(ms: i64) {
    tokio::time::sleep(Duration::from_millis(ms as u64 + 30)).await;
}

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

/// A test a behaviour. `$open` makes a fresh store and what must outlive it.
macro_rules! conformance {
    ($open:path) => {
        $crate::job_store::behaviours::conformance!($open:
            a_created_job_is_queued_and_can_be_read,
            a_key_replays_its_job_and_refuses_another_body,
            a_key_used_by_many_at_once_makes_one_job,
            lists_are_pages_newest_first_and_filtered,
            names_tell_the_databases_clock,
            every_change_grows_the_version,
            a_manifest_is_there_exactly_when_the_job_succeeded,
            a_claim_that_was_not_heard_of_is_taken_up,
            an_outage_costs_no_attempt_and_the_job_waits_for_its_end,
            who_looks_for_a_waiting_job_has_it_alone_for_a_while,
            a_waiting_job_is_canceled_and_expires_like_any_other,
            only_jobs_that_have_ended_are_deleted,
            events_are_pages_in_order,
            depth_counts_what_waits_and_what_runs,
            claims_take_the_oldest_job_once,
            many_claimers_share_jobs_without_a_double_or_a_loss,
            a_lease_that_ran_out_is_taken_over_and_its_holder_is_fenced,
            a_heartbeat_keeps_the_lease_and_writes_progress,
            an_end_that_is_written_twice_is_one_end,
            cancel_ends_a_queued_job_and_asks_a_running_one,
            a_result_that_was_ready_before_the_cancel_request_counts,
            what_would_be_tried_again_is_canceled_when_asked_to_stop,
            a_canceled_job_of_a_dead_worker_ends,
            a_deadline_ends_a_waiting_job_and_tells_a_running_one,
            retryable_failures_are_tried_again_and_others_are_not,
            attempts_run_out,
            an_interrupted_attempt_is_given_back,
            two_sweepers_at_once_end_each_job_once,
            another_tenants_job_is_not_there,
            a_key_belongs_to_its_tenant,
            tenants_take_turns,
            the_urgent_come_first,
            each_device_has_its_queue,
            quotas_hold,
            a_key_is_made_found_listed_and_revoked,
            a_key_is_believed_with_its_secret_while_it_is_in_force,
            another_tenants_key_is_not_there,
            a_keys_use_is_noted_once_a_minute,
            deeds_are_pages_newest_first_of_one_tenant,
            deeds_are_forgotten_by_age,
            files_grow_old_once_their_job_has_ended,
            jobs_grow_old_once_they_have_ended,
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
