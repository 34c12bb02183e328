//! Renews the lease while an attempt runs, and finds out whether the attempt must stop.

use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::reporter::{Reporter, Stop};
use super::{Options, millis, within};
use crate::job::Lease;
use crate::job::store::{JobStore, StoreError};

/// Sends heartbeats until the attempt must stop, and asks the core to stop through `reporter`.
///
/// After a cancel request or a passed deadline it continues, because the lease must stay valid until the end is
/// written. `claimed` is the moment at which the claim was requested.
pub(super) async fn beat(
    jobs: &dyn JobStore,
    lease: &Lease,
    reporter: &Reporter,
    options: &Options,
    claimed: Instant,
    shutdown: &CancellationToken,
) {
    // A lower bound of the last renewal: the request was sent at this moment, the database renewed the lease later.
    let mut last = claimed;
    loop {
        options.pulse.beat();
        tokio::select! {
            () = tokio::time::sleep(options.heartbeat) => {}
            () = shutdown.cancelled() => return reporter.stop(Stop::Shutdown),
        }
        // The heartbeat must fail before the lease expires, so that the work stops in time.
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
                // Keep the lease after a cancel request or a passed deadline: the end must still be written.
                if reason == Stop::LeaseLost {
                    return;
                }
                last = sent;
            }
            Err(error) => {
                tracing::warn!(job = %lease.job, attempt = lease.attempt, %error, "a heartbeat failed; retrying");
                // Stop before the lease can have expired: from then on another worker may claim the job, and two
                // workers must never run it. `Instant` is monotonic, so clock changes do not matter.
                if last.elapsed() + 2 * options.heartbeat >= options.lease {
                    return reporter.stop(Stop::Unheard);
                }
            }
        }
    }
}

/// Sends one heartbeat with the progress of the attempt, and returns the reason to stop, if any.
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
        // A lost event is not worth failing the attempt for.
        if let Err(error) = jobs.record(lease, event).await {
            tracing::warn!(job = %lease.job, %error, "could not write an event");
        }
    }
    Ok(match (heard.cancel_requested, heard.deadline_passed) {
        (true, _) => Some(Stop::Canceled),
        (_, true) => Some(Stop::Deadline),
        _ => None,
    })
}
