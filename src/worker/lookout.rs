//! Looks whether the places that jobs wait for are back, and lets those jobs go on.
//!
//! A look asks for what the job itself will ask for, and no more than a little of it. All processes together look for a job
//! every few seconds: so a job goes on a few seconds after its place is back, and an outage costs each place little.

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

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks for one job.
const HOLD_MS: i64 = 3_000;
/// A place that takes longer to answer is not back.
const LIMIT: Duration = Duration::from_secs(3);
/// Jobs that one round looks for.
const AT_ONCE: usize = 64;
/// How long the job store may take.
const STORE_LIMIT: Duration = Duration::from_secs(10);

/// Looks.
pub struct Lookout {
    jobs: Arc<dyn JobStore>,
    health: Health,
    sources: Sources,
    device: Device,
    wake: Arc<Notify>,
}

impl Lookout {
    /// For jobs of this device; `wake` tells workers that one may go on.
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

    /// Looks until it is told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                looked = self.round() => if let Err(error) = looked {
                    tracing::debug!(%error, "jobs that wait cannot be looked for; trying again");
                },
                () = stop.cancelled() => return,
            }
        }
    }

    /// Looks once for what is due.
    async fn round(&self) -> Result<(), StoreError> {
        let due = self.jobs.to_look_for(self.device, AT_ONCE, HOLD_MS);
        let due = within(STORE_LIMIT, due).await?;
        let looks = alike(due).into_iter().map(|alike| self.look(alike));
        join_all(looks).await.into_iter().collect()
    }

    /// Looks for one of these jobs, and lets all of them go on when their place is back.
    async fn look(&self, alike: Vec<Job>) -> Result<(), StoreError> {
        let Some(first) = alike.first() else {
            return Ok(());
        };
        if !self.is_back(first).await {
            return Ok(());
        }
        for job in alike {
            within(STORE_LIMIT, self.jobs.resume(job.id)).await?;
            self.wake.notify_one();
            tracing::info!(job = %job.id, "what the job waits for is back");
        }
        Ok(())
    }

    async fn is_back(&self, job: &Job) -> bool {
        let waits = job.waiting.as_ref().map(|waiting| waiting.failure.code);
        if waits == Some(Code::StorageUnavailable) {
            return self.health.check(FRESH).await.is_ok();
        }
        let sources = self.sources.of(&job.tenant);
        match tokio::time::timeout(LIMIT, sources.reach(&job.recipe)).await {
            Ok(Ok(())) => true,
            // Another reason is the attempt's to tell.
            Ok(Err(failure)) => !failure.code.is_outage(),
            Err(_) => false,
        }
    }
}

/// The jobs in groups that wait for the same.
fn alike(jobs: Vec<Job>) -> Vec<Vec<Job>> {
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
