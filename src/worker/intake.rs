//! A first look at a recipe's sources, before it becomes a job.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::pruner::Pruner;
use super::source::Sources;
use crate::artifact::incoming::Upload;
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
        let wrong = |uri: &str, what: &str| {
            Err(Failure::new(
                Code::SourceNotFound,
                format!("\"{uri}\" {what}"),
            ))
        };
        if let Some(model) = self.sources.local(&recipe.model)? {
            if !model.is_dir() {
                return wrong(
                    &recipe.model.uri,
                    "is no folder; name the folder that holds config.json",
                );
            }
            if !model.join("config.json").is_file() {
                return wrong(
                    &recipe.model.uri,
                    "holds no config.json; name a folder that save_pretrained(..) wrote",
                );
            }
        }
        let evaluation = recipe.evaluation.as_ref();
        let data = [
            Some(&recipe.calibration.source),
            evaluation.map(|evaluation| &evaluation.source),
        ];
        for source in data.into_iter().flatten() {
            if self
                .sources
                .local(source)?
                .is_some_and(|path| !path.exists())
            {
                return wrong(
                    &source.uri,
                    "is not there; name a data file, or a folder of shards",
                );
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
        let estimate = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            pruner.estimate(&fetched.places, &recipe)
        });
        estimate
            .await
            .map_err(|error| internal(error.to_string()))?
    }
}
