//! One attempt at a job, from its claim to its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::journal::SharedJournal;
use super::reporter::{Reporter, Stop};
use super::{Worker, heartbeat, within};
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

/// Wait between two tries to write how an attempt ended.
const FINISH_RETRY: Duration = Duration::from_millis(250);

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
        // An attempt before this one may have been killed while it stored its files; the fence keeps it from
        // publishing them.
        for earlier in 1..lease.attempt {
            self.discard(&Lease {
                attempt: earlier,
                ..lease.clone()
            })
            .await;
        }
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
                return self.discard(&lease).await;
            }
            (Ok((report, manifest)), _) => Outcome::Succeeded {
                report: Box::new(report),
                manifest,
            },
            (Err(_), Some(Stop::Shutdown)) => Outcome::Interrupted,
            (Err(failure), _) => Outcome::Failed(presentable(failure, &lease)),
        };
        self.finish(&lease, outcome).await;
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
        let out = scratch.to_owned();
        let sources = self
            .sources
            .of(&job.tenant)
            .fetch(&job.recipe, out.clone(), reporter.as_ref())
            .await
            .map_err(|failure| failure.in_stage(Stage::Preparing))?;
        let report = self
            .prune_on_thread(job, sources.places.clone(), Arc::clone(reporter))
            .await
            .map_err(|failure| sources.told(failure))?;
        reporter.stage(Stage::Publishing);
        let manifest = self
            .store_files(lease, &out, reporter)
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

    /// Writes how the attempt ended, trying again while the lease may still hold.
    async fn finish(&self, lease: &Lease, outcome: Outcome) {
        let name = match &outcome {
            Outcome::Succeeded { .. } => "succeeded",
            Outcome::Failed(failure) => failure.code.as_str(),
            Outcome::Interrupted => "interrupted",
        };
        let succeeded = matches!(outcome, Outcome::Succeeded { .. });
        let start = Instant::now();
        loop {
            let left = self.options.lease.saturating_sub(start.elapsed());
            match within(left, self.jobs.finish(lease, outcome.clone())).await {
                Ok(job) => {
                    metrics::counter!(metric::ATTEMPTS, "outcome" => name).increment(1);
                    tracing::info!(job = %lease.job, attempt = lease.attempt, outcome = name, state = job.state.as_str(), "attempt ended");
                    if !succeeded {
                        self.discard(lease).await;
                    }
                    return;
                }
                Err(StoreError::LeaseLost(_) | StoreError::NotFound(_)) => {
                    metrics::counter!(metric::LEASES_LOST).increment(1);
                    tracing::warn!(job = %lease.job, attempt = lease.attempt, "the lease is lost; the attempt's result is refused");
                    return self.discard(lease).await;
                }
                Err(error) if start.elapsed() < self.options.lease => {
                    tracing::warn!(job = %lease.job, %error, "the attempt's end was not written; trying again");
                    tokio::time::sleep(FINISH_RETRY).await;
                }
                Err(error) => {
                    // The lease runs out, and the next attempt takes the finished stages up.
                    tracing::error!(job = %lease.job, %error, "the attempt's end cannot be written");
                    return;
                }
            }
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
