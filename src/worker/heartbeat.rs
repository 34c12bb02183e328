//! Keeps a lease alive while an attempt works, and hears whether it must stop.

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::reporter::{Reporter, Stop};
use super::{Options, millis, within};
use crate::job::Lease;
use crate::job::store::{JobStore, StoreError};

/// Beats until the attempt must stop; then asks the core to stop and ends. `claimed` is when the lease was asked for.
pub(super) async fn beat(
    jobs: &dyn JobStore,
    lease: &Lease,
    reporter: &Reporter,
    options: &Options,
    claimed: Instant,
    shutdown: &CancellationToken,
) {
    // The lease was renewed after this moment, at the earliest.
    let mut last = claimed;
    loop {
        options.pulse.beat();
        tokio::select! {
            () = tokio::time::sleep(options.heartbeat) => {}
            () = shutdown.cancelled() => return reporter.stop(Stop::Shutdown),
        }
        // A beat ends before its lease does, and the work with it.
        let left = options
            .lease
            .saturating_sub(last.elapsed() + 2 * options.heartbeat);
        let sent = Instant::now();
        let answered = tokio::select! {
            answered = within(left, once(jobs, lease, reporter, options)) => answered,
            () = shutdown.cancelled() => return reporter.stop(Stop::Shutdown),
        };
        match answered {
            Ok(None) => last = sent,
            Ok(Some(reason)) => {
                reporter.stop(reason);
                // A cancel request stops the core, not the lease: the end must still be written.
                if reason == Stop::LeaseLost {
                    return;
                }
                last = sent;
            }
            Err(error) => {
                tracing::warn!(job = %lease.job, attempt = lease.attempt, %error, "a heartbeat failed; trying again");
                // Before the lease can have run out, by a clock that nobody sets: another worker may
                // take the job from then on, and two must never work on it.
                if last.elapsed() + 2 * options.heartbeat >= options.lease {
                    return reporter.stop(Stop::Unheard);
                }
            }
        }
    }
}

/// One beat: how far the attempt is goes out, whether to stop comes back.
async fn once(
    jobs: &dyn JobStore,
    lease: &Lease,
    reporter: &Reporter,
    options: &Options,
) -> Result<Option<Stop>, StoreError> {
    let (position, news) = reporter.news();
    let answer = jobs
        .heartbeat(
            lease,
            position.stage,
            position.done,
            position.total,
            millis(options.lease),
        )
        .await;
    let heard = match answer {
        Ok(heard) => heard,
        Err(StoreError::LeaseLost(_) | StoreError::NotFound(_)) => {
            return Ok(Some(Stop::LeaseLost));
        }
        Err(error) => return Err(error),
    };
    for event in news {
        // History is worth telling, but not worth losing an attempt for.
        if let Err(error) = jobs.record(lease, event).await {
            tracing::warn!(job = %lease.job, %error, "an event was not written");
        }
    }
    Ok(match (heard.cancel_requested, heard.deadline_passed) {
        (true, _) => Some(Stop::Canceled),
        (_, true) => Some(Stop::Deadline),
        _ => None,
    })
}
