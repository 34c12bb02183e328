//! Polls the dependencies that queued jobs wait for, and resumes the jobs when their dependency is available again.
//!
//! A dependency is a source host or the artifact store. A poll requests what the job itself will request, but only a
//! small part of it. All processes together poll once every few seconds for each job. So a job resumes a few seconds
//! after an outage ends, and polling adds little load to the dependency.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::source::Sources;
use super::within;
use crate::artifact::health::{FRESH, Health};
use crate::job::queue::Device;
use crate::job::store::{JobStore, StoreError};
use crate::job::{Job, TenantId};
use crate::prune::failure::Code;
use crate::prune::recipe::Recipe;

/// Interval between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(1);
/// Interval between two polls for one job, in milliseconds.
const POLL_INTERVAL_MS: i64 = 3_000;
/// Timeout of a poll; a slower dependency counts as unavailable.
const POLL_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum number of jobs in one round.
const MAX_JOBS: usize = 64;
/// Timeout of a call of the job store.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// The availability poller.
pub struct Lookout {
    jobs: Arc<dyn JobStore>,
    health: Health,
    sources: Sources,
    device: Device,
    wake: Arc<Notify>,
}

impl Lookout {
    /// Creates a poller for jobs of this device. `wake` notifies workers of a job that can be claimed.
    #[must_use]
    pub fn new(
        jobs: Arc<dyn JobStore>,
        health: Health,
        sources: Sources,
        device: Device,
        wake: Arc<Notify>,
    ) -> Self {
        Self {
            jobs,
            health,
            sources,
            device,
            wake,
        }
    }

    /// Polls until `stop` is canceled.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(ROUND_INTERVAL) => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                polled = self.round() => if let Err(error) = polled {
                    tracing::debug!(%error, "could not poll the dependencies of waiting jobs; retrying");
                },
                () = stop.cancelled() => return,
            }
        }
    }

    /// Polls once for all jobs that are due.
    async fn round(&self) -> Result<(), StoreError> {
        let due = self
            .jobs
            .to_look_for(self.device, MAX_JOBS, POLL_INTERVAL_MS);
        let due = within(STORE_TIMEOUT, due).await?;
        let polls = grouped(due).into_iter().map(|group| self.poll(group));
        join_all(polls).await.into_iter().collect()
    }

    /// Polls for the first of these jobs, and resumes all of them if their dependency is available.
    async fn poll(&self, group: Vec<Job>) -> Result<(), StoreError> {
        let Some(first) = group.first() else {
            return Ok(());
        };
        if !self.is_back(first).await {
            return Ok(());
        }
        for job in group {
            within(STORE_TIMEOUT, self.jobs.resume(job.id)).await?;
            self.wake.notify_one();
            tracing::info!(job = %job.id, "the dependency of a waiting job is available again");
        }
        Ok(())
    }

    async fn is_back(&self, job: &Job) -> bool {
        let waits = job.waiting.as_ref().map(|waiting| waiting.failure.code);
        if waits == Some(Code::StorageUnavailable) {
            return self.health.check(FRESH).await.is_ok();
        }
        let sources = self.sources.of(&job.tenant);
        match tokio::time::timeout(POLL_TIMEOUT, sources.reach(&job.recipe)).await {
            Ok(Ok(())) => true,
            // Any other failure is reported by the attempt itself.
            Ok(Err(failure)) => !failure.code.is_outage(),
            Err(_) => false,
        }
    }
}

/// Groups the jobs by what they wait for: failure code, tenant and source URIs.
fn grouped(jobs: Vec<Job>) -> Vec<Vec<Job>> {
    let mut groups: HashMap<(Option<Code>, TenantId, Vec<String>), Vec<Job>> = HashMap::new();
    for job in jobs {
        let code = job.waiting.as_ref().map(|waiting| waiting.failure.code);
        let key = (code, job.tenant.clone(), uris(&job.recipe));
        groups.entry(key).or_default().push(job);
    }
    groups.into_values().collect()
}

fn uris(recipe: &Recipe) -> Vec<String> {
    let sources = recipe.sources();
    sources.map(|source| source.uri.clone()).collect()
}
