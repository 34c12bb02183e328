//! Checks the sources of a recipe before it becomes a job.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::child::memory;
use super::pruner::Pruner;
use super::source::Sources;
use crate::artifact::incoming::Upload;
use crate::checkpoint::folder;
use crate::job::TenantId;
use crate::job::intake::Intake;
use crate::prune::admission::{Inspection, Kind};
use crate::prune::failure::{Code, Failure};
use crate::prune::memory::of_machine as available;
use crate::prune::plan::Plan;
use crate::prune::recipe::{Mapping, Recipe, Source};
use crate::prune::stage::Stage;
use crate::prune::watch::{Unwatched, Watch};

/// Memory for reading if it is unknown how much the machine has free, in bytes.
const READING_BYTES: u64 = 4 << 30;

/// Timeout for fetching the sources of an estimate.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// Checks sources with the code that workers use to read them.
pub struct LocalIntake {
    sources: Sources,
    pruner: Arc<dyn Pruner>,
    /// Memory for reading in MiB. Estimates and checks of uploads wait until as much is free as they may take.
    turns: Arc<Semaphore>,
    /// All of it.
    most: u32,
}

impl LocalIntake {
    /// Creates an intake for these sources.
    #[must_use]
    pub fn new(sources: Sources, pruner: Arc<dyn Pruner>) -> Self {
        let free = available().map_or(READING_BYTES, |free| free / 2);
        let most = u32::try_from(free.max(READING_BYTES) >> 20).unwrap_or(u32::MAX);
        Self {
            sources,
            pruner,
            turns: Arc::new(Semaphore::new(most as usize)),
            most,
        }
    }
}

#[async_trait]
impl Intake for LocalIntake {
    async fn check(&self, tenant: &TenantId, recipe: Recipe) -> Result<Recipe, Failure> {
        let recipe = self.sources.of(tenant).pin(recipe).await?;
        if let Some(model) = self.sources.local(&recipe.model)? {
            folder::check(&model, &format!("\"{}\"", recipe.model.uri))?;
        }
        let evaluation = recipe.evaluation.as_ref();
        let data = [
            Some(&recipe.calibration.source),
            evaluation.map(|evaluation| &evaluation.source),
        ];
        for source in data.into_iter().flatten() {
            // A folder may hold shards; only reading the data finds out.
            let data = self.sources.local(source)?;
            if data.is_some_and(|path| !path.is_file() && !path.is_dir()) {
                return Err(Failure::new(
                    Code::SourceNotFound,
                    format!("\"{}\" is neither a file nor a folder", source.uri),
                ));
            }
        }
        Ok(recipe)
    }

    async fn admit(&self, tenant: &TenantId, upload: &Upload) -> Result<(), Failure> {
        let uploaded = self.sources.of(tenant).upload(upload, &Unwatched).await?;
        let (path, kind) = (uploaded.path.clone(), uploaded.kind);
        let bytes = memory::opening(&path, kind);
        let opened = self.in_turn(bytes, move |pruner, watch| pruner.open(&path, kind, watch));
        opened
            .await
            .map_err(|failure| uploaded.names.name_sources(failure))
    }

    async fn estimate(&self, tenant: &TenantId, recipe: Recipe) -> Result<Plan, Failure> {
        let sources = self.sources.of(tenant);
        let fetched = in_time(sources.fetch(&recipe, PathBuf::new(), &Unwatched)).await?;
        let places = fetched.places.clone();
        let bytes = memory::reading(&places);
        let estimate = self.in_turn(bytes, move |pruner, watch| {
            pruner.estimate(&places, &recipe, watch)
        });
        estimate
            .await
            .map_err(|failure| fetched.name_sources(failure))
    }

    async fn inspect(
        &self,
        tenant: &TenantId,
        source: &Source,
        mapping: Mapping,
    ) -> Result<Inspection, Failure> {
        let sources = self.sources.of(tenant);
        let fetched = in_time(sources.dataset(source, &Unwatched)).await?;
        let path = fetched.path.clone();
        let bytes = memory::opening(&path, Kind::Data);
        let inspection = self.in_turn(bytes, move |pruner, watch| {
            pruner.inspect(&path, &mapping, watch)
        });
        inspection
            .await
            .map_err(|failure| fetched.names.name_sources(failure))
    }
}

/// Waits until sources are fetched, but not for ever.
async fn in_time<T>(fetched: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = |_| {
        Failure::new(
            Code::SourceUnavailable,
            "the sources could not be fetched in time; the files that arrived are kept, retry later",
        )
    };
    tokio::time::timeout(FETCH_TIMEOUT, fetched)
        .await
        .map_err(late)?
}

impl LocalIntake {
    /// Calls `read` when this many bytes are free, on a thread where it may block. If the caller does not wait any more, `read`
    /// is asked to stop.
    async fn in_turn<T: Send + 'static>(
        &self,
        bytes: u64,
        read: impl FnOnce(&dyn Pruner, &dyn Watch) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let wanted = u32::try_from(bytes >> 20)
            .unwrap_or(u32::MAX)
            .min(self.most);
        let internal = |what: String| Failure::new(Code::Internal, what);
        let turn = Arc::clone(&self.turns)
            .acquire_many_owned(wanted)
            .await
            .map_err(|error| internal(error.to_string()))?;
        let pruner = Arc::clone(&self.pruner);
        let token = CancellationToken::new();
        let abandoned = Abandoned(token.clone());
        let _guard = token.drop_guard();
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read(pruner.as_ref(), &abandoned)
        });
        reading.await.map_err(|error| internal(error.to_string()))?
    }
}

/// Stops reading when the request has ended.
struct Abandoned(CancellationToken);

impl Watch for Abandoned {
    fn stage(&self, _: Stage) {}

    fn progress(&self, _: u64, _: u64) {}

    fn proceed(&self) -> Result<(), Failure> {
        match self.0.is_cancelled() {
            false => Ok(()),
            true => Err(Failure::new(Code::Canceled, "the request has ended")),
        }
    }
}
