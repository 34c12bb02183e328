//! Runs jobs: a worker claims a job, prunes in a [child] process, publishes the files and ends the attempt.
//!
//! Every write of a worker carries the fencing token of its lease. Workers and the HTTP API never call each other:
//! they share only the job store (rows) and the artifact store (bytes).

pub mod attempt;
mod cancel;
pub mod child;
pub mod courier;
pub mod heartbeat;
pub mod intake;
mod journal;
pub mod lookout;
mod panic;
pub mod pruner;
pub mod publish;
mod removal;
pub mod reporter;
mod retention;
pub mod scratch;
pub mod source;
pub mod sweeper;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::artifact::health::{FRESH, Health};
use crate::artifact::store::{ArtifactStore, PROBE_LIMIT};
use crate::job::queue::{Claimer, Device, Quota};
use crate::job::store::{JobStore, StoreError};
use crate::job::trace::TraceParent;
use crate::job::{Job, Lease};
use crate::signature::Signer;
use crate::telemetry::metric;
use crate::telemetry::pulse::Pulse;
use pruner::Pruner;
use scratch::Scratch;
use source::Sources;

/// How long a stopping worker waits for a pending call, such as a response of the database.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Settings of a worker.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the worker in leases and log lines; unique among all workers.
    pub name: String,
    /// Device that the worker runs jobs on.
    pub device: Device,
    /// Limits of each tenant.
    pub quota: Quota,
    /// Duration of a lease: how long a claim is valid without a heartbeat.
    pub lease: Duration,
    /// Interval between heartbeats; the worker sees a cancel request at the next one.
    pub heartbeat: Duration,
    /// Interval between polls of the queue when no notification of a new job arrives.
    pub poll: Duration,
    /// Pause before the next claim after the job store failed. In this time, a worker that held a job during the outage
    /// can requeue it, so that the attempt is not counted.
    pub after_outage: Duration,
    /// Heartbeat of the worker's loop, for `/livez`.
    pub pulse: Pulse,
    /// Signs the checksums of each result. `None` if results are not signed.
    pub signer: Option<Arc<Signer>>,
}

/// Longest time between two beats of a worker's [`Pulse`] with this lease duration, even if a dependency hangs.
#[must_use]
pub fn longest_quiet(lease: Duration) -> Duration {
    lease * 3 + SHUTDOWN_GRACE + PROBE_LIMIT
}

/// A worker; it runs one job at a time.
pub struct Worker {
    jobs: Arc<dyn JobStore>,
    artifacts: ArtifactStore,
    health: Health,
    pruner: Arc<dyn Pruner>,
    sources: Sources,
    wake: Arc<Notify>,
    scratch: Arc<Scratch>,
    options: Options,
}

impl Worker {
    /// Creates a worker. `wake` is only a hint that a job was queued; polling finds every job.
    #[must_use]
    pub fn new(
        jobs: Arc<dyn JobStore>,
        health: Health,
        pruner: Arc<dyn Pruner>,
        sources: Sources,
        wake: Arc<Notify>,
        scratch: Arc<Scratch>,
        options: Options,
    ) -> Self {
        Self {
            jobs,
            artifacts: health.store().clone(),
            health,
            pruner,
            sources,
            wake,
            scratch,
            options,
        }
    }

    /// Runs jobs until `stop` is canceled. A job that is running at that moment is requeued.
    pub async fn run(&self, stop: CancellationToken) {
        tracing::info!(worker = %self.options.name, "worker started");
        let claimer = Claimer {
            worker: self.options.name.clone(),
            device: self.options.device,
            quota: self.options.quota,
            lease_ms: millis(self.options.lease),
        };
        // Whether the last claim failed: it may have succeeded in the database although its response was lost.
        let mut unconfirmed = false;
        while !stop.is_cancelled() {
            self.options.pulse.beat();
            let requested_at = Instant::now();
            let claimed = self.claim(&claimer, unconfirmed, &stop).await;
            unconfirmed = claimed.is_err();
            match claimed {
                Ok(Some((job, lease))) => {
                    metrics::counter!(metric::CLAIMS).increment(1);
                    let trace_id = job
                        .trace
                        .as_ref()
                        .map_or("", TraceParent::trace_id)
                        .to_owned();
                    let span = tracing::info_span!("attempt", trace_id);
                    self.attempt(job, lease, requested_at, &stop)
                        .instrument(span)
                        .await;
                }
                Ok(None) => self.wait_for_work(&stop).await,
                Err(error) => {
                    tracing::warn!(worker = %self.options.name, %error, "could not read the queue; retrying");
                    tokio::select! {
                        () = tokio::time::sleep(self.options.after_outage) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        }
        tracing::info!(worker = %self.options.name, "worker stopped");
    }

    /// Claims a job, unless the artifact store is unavailable: the job would fail at its first file.
    ///
    /// Each call of the job store has the lease duration as its timeout, so that a hanging database does not block the
    /// worker. When `stop` is canceled, the worker still waits up to [`SHUTDOWN_GRACE`] for the response, because a
    /// claimed job must be requeued.
    async fn claim(
        &self,
        claimer: &Claimer,
        unconfirmed: bool,
        stop: &CancellationToken,
    ) -> Result<Option<(Job, Lease)>, StoreError> {
        let limit = self.options.lease;
        let stopped = async {
            stop.cancelled().await;
            tokio::time::sleep(limit.min(SHUTDOWN_GRACE)).await;
        };
        let claimed = async {
            if unconfirmed && let Some(claimed) = within(limit, self.jobs.claimed(claimer)).await? {
                return Ok(Some(claimed));
            }
            let found = within(limit, self.jobs.has_claimable(claimer)).await?;
            if !found || self.health.check(FRESH).await.is_err() {
                return Ok(None);
            }
            within(limit, self.jobs.claim(claimer)).await
        };
        tokio::select! {
            claimed = claimed => claimed,
            () = stopped => Ok(None),
        }
    }

    async fn wait_for_work(&self, stop: &CancellationToken) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = tokio::time::sleep(self.options.poll) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Runs a call of the job store with a timeout.
///
/// # Errors
/// Returns the error of the call, or [`StoreError::Unanswered`] after `limit`: the call may have taken effect.
async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer,
        Err(late) => Err(StoreError::Unanswered(Box::new(late))),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
