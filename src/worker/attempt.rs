//! Runs one attempt of a job, from its claim to its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::cancel;
use super::journal::SharedJournal;
use super::panic::failure_of;
use super::reporter::{Reporter, Stop};
use super::{SHUTDOWN_GRACE, Worker, heartbeat, within};
use crate::artifact::manifest::Manifest;
use crate::job::event::NewEvent;
use crate::job::store::{Outcome, StoreError};
use crate::job::tenant::Scope;
use crate::job::{Job, Lease};
use crate::model::cost::flops;
use crate::prune::failure::{Code, Failure};
use crate::prune::places::Places;
use crate::prune::report::Report;
use crate::prune::stage::Stage;
use crate::prune::surgery::folder::SUMS;
use crate::prune::watch::Watch;
use crate::telemetry::metric;

/// First delay between two tries to write the end of an attempt. It doubles after each try, up to
/// [`MAX_FINISH_RETRY`].
const FINISH_RETRY: Duration = Duration::from_millis(250);
const MAX_FINISH_RETRY: Duration = Duration::from_secs(1);

/// Number of events that are read at once from the history of a job.
const EVENTS_PAGE: usize = 1_000;

impl Worker {
    /// Runs a job until it succeeds, fails or must stop, then writes the outcome.
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
                // The heartbeat has asked the core to stop; the core returns soon.
                () = beat => work.await,
            }
        };
        let _ = tokio::fs::remove_dir_all(&scratch).await;
        let outcome = match (ended, reporter.stopped()) {
            (_, Some(Stop::LeaseLost)) => {
                metrics::counter!(metric::LEASES_LOST).increment(1);
                tracing::warn!(job = %lease.job, attempt = lease.attempt, "lost the lease; the attempt is dropped");
                return self.tidy(&lease, shutdown).await;
            }
            (Ok((report, manifest)), _) => Outcome::Succeeded {
                report: Box::new(report),
                manifest,
            },
            (Err(_), Some(Stop::Shutdown | Stop::Unheard)) => Outcome::Interrupted,
            (Err(failure), _) if self.crashed_before(&job, &failure).await => {
                Outcome::GivenUp(failure)
            }
            (Err(failure), _) => Outcome::Failed(presentable(failure, &lease)),
        };
        if !self.finish(&lease, outcome, shutdown).await {
            self.tidy(&lease, shutdown).await;
        }
    }

    /// Returns whether this failure is a crash, and the last attempt crashed in the same stage: the next one would, too.
    async fn crashed_before(&self, job: &Job, failure: &Failure) -> bool {
        if !failure.code.is_crash() {
            return false;
        }
        let (scope, mut after, mut last) = (Scope::Service, 0, None);
        loop {
            let events = self.jobs.events(&scope, job.id, after, EVENTS_PAGE);
            // Without its history, the job has as many attempts as any other.
            let Ok(Ok(events)) = tokio::time::timeout(self.options.lease, events).await else {
                return false;
            };
            let count = events.len();
            for event in events {
                after = event.sequence;
                if let NewEvent::Requeued { failure } = event.body {
                    last = failure;
                }
            }
            if count < EVENTS_PAGE {
                break;
            }
        }
        last.is_some_and(|last| last.code.is_crash() && last.stage == failure.stage)
    }

    /// Fetches the sources, prunes, and uploads the result files. The job store publishes them later, in `finish`.
    async fn work(
        &self,
        job: &Job,
        lease: &Lease,
        scratch: &std::path::Path,
        reporter: &Arc<Reporter>,
    ) -> Result<(Report, Manifest), Failure> {
        reporter.stage(Stage::Preparing);
        cancel::on_stop(reporter.as_ref(), self.discard_earlier(lease)).await?;
        let out = scratch.to_owned();
        let sources = self.sources.of(&job.tenant);
        let fetched = sources.fetch(&job.recipe, out.clone(), reporter.as_ref());
        let sources = cancel::on_stop(reporter.as_ref(), fetched)
            .await
            .map_err(|failure| failure.in_stage(Stage::Preparing))?;
        let report = self
            .prune_on_thread(job, sources.places.clone(), Arc::clone(reporter))
            .await
            .map_err(|failure| sources.name_sources(failure))?;
        reporter.stage(Stage::Publishing);
        let stored = self.store_files(lease, &out, reporter);
        let manifest = cancel::on_stop(reporter.as_ref(), stored)
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

    /// Runs the pruner on a dedicated thread, because it blocks for minutes. A panic there fails the attempt, not the
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
        let (sender, receiver) = oneshot::channel();
        let (signer, about) = (self.options.signer.clone(), format!("job:{}", job.id));
        let run = move || {
            let run = AssertUnwindSafe(|| {
                let report = pruner.run(&places, &recipe, &journal, reporter.as_ref())?;
                // Signed here, because the process that prunes gets no secrets.
                if let Some(signer) = signer {
                    signer
                        .sign_file(&places.out.join(SUMS), Some(&about))
                        .map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
                }
                Ok(report)
            });
            let ended = std::panic::catch_unwind(run)
                .unwrap_or_else(|panic| Err(failure_of(panic.as_ref())));
            // The receiver is gone only if the process is ending.
            let _ = sender.send(ended);
        };
        let internal = |what: String| Failure::new(Code::Internal, what);
        let thread = std::thread::Builder::new()
            .name("prune".to_owned())
            .spawn(run);
        thread.map_err(|error| internal(format!("could not start the pruning thread: {error}")))?;
        receiver
            .await
            .map_err(|_| internal("the pruning thread ended without a result".to_owned()))?
    }

    /// Writes the outcome of the attempt. After `shutdown` is canceled, it retries only for [`SHUTDOWN_GRACE`].
    ///
    /// Returns whether the attempt's files are, or may be, the result of the job.
    async fn finish(&self, lease: &Lease, outcome: Outcome, shutdown: &CancellationToken) -> bool {
        let stopped = async {
            shutdown.cancelled().await;
            tokio::time::sleep(SHUTDOWN_GRACE).await;
        };
        tokio::select! {
            published = self.finish_in_time(lease, outcome) => published,
            () = stopped => {
                tracing::warn!(job = %lease.job, attempt = lease.attempt, "the worker stops before the end of the attempt is written");
                true
            }
        }
    }

    /// Writes the outcome of the attempt. It retries while the job store is unavailable, because the result is valid
    /// until another worker claims the job.
    async fn finish_in_time(&self, lease: &Lease, outcome: Outcome) -> bool {
        let name = match &outcome {
            Outcome::Succeeded { .. } => "succeeded",
            Outcome::Failed(failure) | Outcome::GivenUp(failure) => failure.code.as_str(),
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
                    tracing::warn!(job = %lease.job, attempt = lease.attempt, "lost the lease; the result of the attempt is refused");
                    return false;
                }
                Err(error) => error,
            };
            if !error.is_outage() && start.elapsed() >= self.options.lease {
                // The lease expires, and the next attempt resumes from the completed stages.
                tracing::error!(job = %lease.job, %error, "could not write the end of the attempt");
                return true;
            }
            tracing::warn!(job = %lease.job, %error, "could not write the end of the attempt; retrying");
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(MAX_FINISH_RETRY);
        }
    }
}

/// Logs an internal failure and replaces its detail, which the API shows to clients. Other failures stay as they are.
fn presentable(failure: Failure, lease: &Lease) -> Failure {
    if failure.code != Code::Internal {
        return failure;
    }
    tracing::error!(job = %lease.job, attempt = lease.attempt, stage = ?failure.stage, detail = %failure.detail, "internal failure");
    let detail = format!(
        "internal error of the service; see its log under job={} attempt={}",
        lease.job, lease.attempt
    );
    Failure { detail, ..failure }
}
