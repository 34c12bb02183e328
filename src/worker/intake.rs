//! A first look at a recipe's sources, before it becomes a job.

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

/// An estimate fetches its sources for so long.
const MOST_FETCHING: Duration = Duration::from_secs(60);

/// Looks at sources with the worker's own eyes.
pub struct LocalIntake {
    sources: Sources,
    pruner: Arc<dyn Pruner>,
    /// An estimate reads a whole model: one at a time.
    turn: Arc<Semaphore>,
}

impl LocalIntake {
    /// Over these sources.
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
            // A folder may hold shards; whether it does is the reader's to tell.
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
        let fetched = tokio::time::timeout(MOST_FETCHING, fetched).await.map_err(|_| {
            Failure::new(
                Code::SourceUnavailable,
                "the sources are still being fetched; what has arrived is kept: ask again in a while",
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
