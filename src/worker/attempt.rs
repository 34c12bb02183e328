//! One attempt at a job, from its claim to its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::heed::heed;
use super::journal::SharedJournal;
use super::reporter::{Reporter, Stop};
use super::{LAST_ANSWER, Worker, heartbeat, within};
use crate::artifact::manifest::Manifest;
use crate::job::store::{Outcome, StoreError};
use crate::job::{Job, Lease};
use crate::model::cost::flops;
use crate::prune::Places;
use crate::prune::failure::{Code, Failure};
use crate::prune::report::Report;
use crate::prune::stage::Stage;
use crate::prune::watch::Watch;
use crate::telemetry::metric;

/// Wait between two tries to write how an attempt ended; it doubles each time.
const FINISH_RETRY: Duration = Duration::from_millis(250);
const MOST_FINISH_RETRY: Duration = Duration::from_secs(1);

impl Worker {
    /// Works on a job until it is done, fails, or must stop.
    pub(super) async fn attempt(
        &self,
        job: Job,
        lease: Lease,
        claimed: Instant,
        shutdown: &CancellationToken,
    ) {
        tracing::info!(job = %lease.job, attempt = lease.attempt, "attempt started");
        let reporter = Arc::new(Reporter::default());
        let scratch = self
            .scratch
            .path()
            .join(format!("{}-{}", lease.job, lease.attempt));
        let ended = {
            let work = self.work(&job, &lease, &scratch, &reporter);
            let beat = heartbeat::beat(
                self.jobs.as_ref(),
                &lease,
                &reporter,
                &self.options,
                claimed,
                shutdown,
            );
            tokio::pin!(work);
            tokio::select! {
                ended = &mut work => ended,
                // The core hears of it and stops by itself, soon.
                () = beat => work.await,
            }
        };
        let _ = tokio::fs::remove_dir_all(&scratch).await;
        let outcome = match (ended, reporter.stopped()) {
            (_, Some(Stop::LeaseLost)) => {
                metrics::counter!(metric::LEASES_LOST).increment(1);
                tracing::warn!(job = %lease.job, attempt = lease.attempt, "the lease is lost; the attempt is dropped");
                return self.tidy(&lease, shutdown).await;
            }
            (Ok((report, manifest)), _) => Outcome::Succeeded {
                report: Box::new(report),
                manifest,
            },
            (Err(_), Some(Stop::Shutdown | Stop::Unheard)) => Outcome::Interrupted,
            (Err(failure), _) => Outcome::Failed(presentable(failure, &lease)),
        };
        if !self.finish(&lease, outcome, shutdown).await {
            self.tidy(&lease, shutdown).await;
        }
    }

    /// Prunes and stores the files; nothing is published yet.
    async fn work(
        &self,
        job: &Job,
        lease: &Lease,
        scratch: &std::path::Path,
        reporter: &Arc<Reporter>,
    ) -> Result<(Report, Manifest), Failure> {
        reporter.stage(Stage::Preparing);
        heed(reporter.as_ref(), self.discard_earlier(lease)).await?;
        let out = scratch.to_owned();
        let sources = self.sources.of(&job.tenant);
        let fetched = sources.fetch(&job.recipe, out.clone(), reporter.as_ref());
        let sources = heed(reporter.as_ref(), fetched)
            .await
            .map_err(|failure| failure.in_stage(Stage::Preparing))?;
        let report = self
            .prune_on_thread(job, sources.places.clone(), Arc::clone(reporter))
            .await
            .map_err(|failure| sources.told(failure))?;
        reporter.stage(Stage::Publishing);
        let stored = self.store_files(lease, &out, reporter);
        let manifest = heed(reporter.as_ref(), stored)
            .await
            .map_err(|failure| failure.in_stage(Stage::Publishing))?;
        for done in &report.stages {
            let stage = done.stage.as_str();
            metrics::histogram!(metric::STAGE_SECONDS, "stage" => stage)
                .record(done.ms as f64 / 1e3);
            metrics::counter!(metric::STAGE_FLOPS, "stage" => stage).increment(flops(done.macs));
        }
        Ok((report, manifest))
    }

    /// The core blocks for minutes: it gets a thread of its own, and a panic there fails the attempt, not the
    /// process.
    async fn prune_on_thread(
        &self,
        job: &Job,
        places: Places,
        reporter: Arc<Reporter>,
    ) -> Result<Report, Failure> {
        let (pruner, recipe) = (Arc::clone(&self.pruner), job.recipe.clone());
        let journal = SharedJournal {
            artifacts: self.artifacts.clone(),
            tenant: job.tenant.clone(),
            runtime: Handle::current(),
            reporter: Arc::clone(&reporter),
        };
        let (tell, told) = oneshot::channel();
        let run = move || {
            let run =
                AssertUnwindSafe(|| pruner.run(&places, &recipe, &journal, reporter.as_ref()));
            let ended = std::panic::catch_unwind(run).unwrap_or_else(|panic| {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied());
                Err(Failure::new(
                    Code::Internal,
                    format!("a panic: {}", text.unwrap_or("without words")),
                ))
            });
            // Nobody listens any more when the process ends; there is nothing left to tell then.
            let _ = tell.send(ended);
        };
        let internal = |what: String| Failure::new(Code::Internal, what);
        let thread = std::thread::Builder::new()
            .name("prune".to_owned())
            .spawn(run);
        thread.map_err(|error| internal(format!("a thread cannot be started: {error}")))?;
        told.await
            .map_err(|_| internal("the pruning thread vanished".to_owned()))?
    }

    /// Writes how the attempt ended; told to stop, it tries only a little longer. Answers whether the attempt's files are the
    /// job's result, or may be.
    async fn finish(&self, lease: &Lease, outcome: Outcome, shutdown: &CancellationToken) -> bool {
        let told = async {
            shutdown.cancelled().await;
            tokio::time::sleep(LAST_ANSWER).await;
        };
        tokio::select! {
            published = self.finish_in_time(lease, outcome) => published,
            () = told => {
                tracing::warn!(job = %lease.job, attempt = lease.attempt, "the worker stops before the attempt's end is written");
                true
            }
        }
    }

    /// Writes how the attempt ended. While the job store is away it tries again, for nothing is lost until another worker
    /// has taken the job.
    async fn finish_in_time(&self, lease: &Lease, outcome: Outcome) -> bool {
        let name = match &outcome {
            Outcome::Succeeded { .. } => "succeeded",
            Outcome::Failed(failure) => failure.code.as_str(),
            Outcome::Interrupted => "interrupted",
        };
        let start = Instant::now();
        let mut pause = FINISH_RETRY;
        loop {
            self.options.pulse.beat();
            let finished = self.jobs.finish(lease, outcome.clone());
            let error = match within(self.options.lease, finished).await {
                Ok(job) => {
                    metrics::counter!(metric::ATTEMPTS, "outcome" => name).increment(1);
                    tracing::info!(job = %lease.job, attempt = lease.attempt, outcome = name, state = job.state.as_str(), "attempt ended");
                    return matches!(outcome, Outcome::Succeeded { .. });
                }
                Err(StoreError::LeaseLost(_) | StoreError::NotFound(_)) => {
                    metrics::counter!(metric::LEASES_LOST).increment(1);
                    tracing::warn!(job = %lease.job, attempt = lease.attempt, "the lease is lost; the attempt's result is refused");
                    return false;
                }
                Err(error) => error,
            };
            if !error.is_outage() && start.elapsed() >= self.options.lease {
                // The lease runs out, and the next attempt takes the finished stages up.
                tracing::error!(job = %lease.job, %error, "the attempt's end cannot be written");
                return true;
            }
            tracing::warn!(job = %lease.job, %error, "the attempt's end was not written; trying again");
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(MOST_FINISH_RETRY);
        }
    }
}

/// A fault of ours is logged here, once, and not shown to the caller.
fn presentable(failure: Failure, lease: &Lease) -> Failure {
    if failure.code != Code::Internal {
        return failure;
    }
    tracing::error!(job = %lease.job, attempt = lease.attempt, stage = ?failure.stage, detail = %failure.detail, "internal failure");
    let detail = format!(
        "a fault of the service; its log tells more under job={} attempt={}",
        lease.job, lease.attempt
    );
    Failure { detail, ..failure }
}
