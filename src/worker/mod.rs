//! What runs a job: claim, prune on a thread of its own, publish, finish; all under the fence.
//!
//! A worker and the HTTP face never see each other: they meet in the job store (rows) and in the artifact
//! store (bytes).

pub mod attempt;
pub mod courier;
pub mod heartbeat;
mod heed;
pub mod intake;
mod journal;
pub mod lookout;
pub mod pruner;
pub mod publish;
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
use crate::telemetry::metric;
use crate::telemetry::pulse::Pulse;
use pruner::Pruner;
use scratch::Scratch;
use source::Sources;

/// A worker that is told to stop waits so long for an answer of the database.
const LAST_ANSWER: Duration = Duration::from_secs(5);

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name in leases and log lines; nobody else has it.
    pub name: String,
    /// On what it runs jobs.
    pub device: Device,
    /// What each tenant may take.
    pub quota: Quota,
    /// How long a claim holds without a heartbeat.
    pub lease: Duration,
    /// Time between heartbeats; a cancel request is heard at the next one.
    pub heartbeat: Duration,
    /// How often the queue is looked at when nobody says that a job came in.
    pub poll: Duration,
    /// No claim for so long after the job store did not answer: whoever held a job through its outage gives it back first,
    /// with its attempt.
    pub after_outage: Duration,
    /// Its sign of life.
    pub pulse: Pulse,
}

/// A worker with such a lease gives a sign of life at least so often, whatever stands still around it.
#[must_use]
pub fn longest_quiet(lease: Duration) -> Duration {
    lease * 3 + LAST_ANSWER + PROBE_LIMIT
}

/// One worker: one job at a time.
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
    /// A worker over these stores. `wake` is a hint that a job came in; polling is the truth.
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

    /// Works until it is told to stop; a job that it holds then goes back to the queue.
    pub async fn run(&self, stop: CancellationToken) {
        tracing::info!(worker = %self.options.name, "worker started");
        let claimer = Claimer {
            worker: self.options.name.clone(),
            device: self.options.device,
            quota: self.options.quota,
            lease_ms: millis(self.options.lease),
        };
        // Whether a claim was made whose answer was not heard.
        let mut unheard = false;
        while !stop.is_cancelled() {
            self.options.pulse.beat();
            let asked = Instant::now();
            let claimed = self.claim(&claimer, unheard, &stop).await;
            unheard = claimed.is_err();
            match claimed {
                Ok(Some((job, lease))) => {
                    metrics::counter!(metric::CLAIMS).increment(1);
                    let trace_id = job
                        .trace
                        .as_ref()
                        .map_or("", TraceParent::trace_id)
                        .to_owned();
                    let span = tracing::info_span!("attempt", trace_id);
                    self.attempt(job, lease, asked, &stop)
                        .instrument(span)
                        .await;
                }
                Ok(None) => self.rest(&stop).await,
                Err(error) => {
                    tracing::warn!(worker = %self.options.name, %error, "the queue cannot be read; trying again");
                    tokio::select! {
                        () = tokio::time::sleep(self.options.after_outage) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        }
        tracing::info!(worker = %self.options.name, "worker stopped");
    }

    /// Claims, unless the artifact store is away: a job would come as far as its first file. Within the time of a lease, for
    /// a database that never answers must not hold the worker. Told to stop, it waits a little for the answer, for a job that
    /// was claimed is to be given back.
    async fn claim(
        &self,
        claimer: &Claimer,
        unheard: bool,
        stop: &CancellationToken,
    ) -> Result<Option<(Job, Lease)>, StoreError> {
        let most = self.options.lease;
        let told = async {
            stop.cancelled().await;
            tokio::time::sleep(most.min(LAST_ANSWER)).await;
        };
        let claimed = async {
            if unheard && let Some(claimed) = within(most, self.jobs.claimed(claimer)).await? {
                return Ok(Some(claimed));
            }
            let found = within(most, self.jobs.has_claimable(claimer)).await?;
            if !found || self.health.check(FRESH).await.is_err() {
                return Ok(None);
            }
            within(most, self.jobs.claim(claimer)).await
        };
        tokio::select! {
            claimed = claimed => claimed,
            () = told => Ok(None),
        }
    }

    async fn rest(&self, stop: &CancellationToken) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = tokio::time::sleep(self.options.poll) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// What a call of the job store answers in this time.
///
/// # Errors
/// [`StoreError::Unanswered`] when there is no answer: what was asked may have been done.
async fn within<T>(
    most: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(most, call).await {
        Ok(answer) => answer,
        Err(late) => Err(StoreError::Unanswered(Box::new(late))),
    }
}

/// What another process has removed meanwhile is removed.
fn gone_or_removed(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
