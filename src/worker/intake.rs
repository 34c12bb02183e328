//! Checks the sources of a recipe before it becomes a job.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::pruner::Pruner;
use super::source::Sources;
use crate::artifact::incoming::Upload;
use crate::checkpoint::folder;
use crate::job::TenantId;
use crate::job::intake::Intake;
use crate::prune::failure::{Code, Failure};
use crate::prune::plan::Plan;
use crate::prune::recipe::Recipe;
use crate::prune::watch::Unwatched;

/// Timeout for fetching the sources of an estimate.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// Checks sources with the code that workers use to read them.
pub struct LocalIntake {
    sources: Sources,
    pruner: Arc<dyn Pruner>,
    /// Limits estimates to one at a time, because each reads a whole model.
    turn: Arc<Semaphore>,
}

impl LocalIntake {
    /// Creates an intake for these sources.
    #[must_use]
    pub fn new(sources: Sources, pruner: Arc<dyn Pruner>) -> Self {
        Self {
            sources,
            pruner,
            turn: Arc::new(Semaphore::new(1)),
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
        self.sources.of(tenant).admit(upload, &Unwatched).await
    }

    async fn estimate(&self, tenant: &TenantId, recipe: Recipe) -> Result<Plan, Failure> {
        let sources = self.sources.of(tenant);
        let fetched = sources.fetch(&recipe, PathBuf::new(), &Unwatched);
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, fetched).await.map_err(|_| {
            Failure::new(
                Code::SourceUnavailable,
                "the sources could not be fetched in time; the files that arrived are kept, retry later",
            )
        })??;
        let internal = |what: String| Failure::new(Code::Internal, what);
        let turn = Arc::clone(&self.turn)
            .acquire_owned()
            .await
            .map_err(|error| internal(error.to_string()))?;
        let pruner = Arc::clone(&self.pruner);
        let places = fetched.places.clone();
        let estimate = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            pruner.estimate(&places, &recipe)
        });
        estimate
            .await
            .map_err(|error| internal(error.to_string()))?
            .map_err(|failure| fetched.told(failure))
    }
}
