//! A first look at a recipe's sources, before it becomes a job.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::pruner::Pruner;
use super::source::Sources;
use crate::job::intake::Intake;
use crate::prune::failure::{Code, Failure};
use crate::prune::plan::Plan;
use crate::prune::recipe::Recipe;

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
    async fn check(&self, recipe: &Recipe) -> Result<(), Failure> {
        let places = self.sources.places(recipe, PathBuf::new())?;
        let wrong = |uri: &str, what: &str| {
            Err(Failure::new(
                Code::SourceNotFound,
                format!("\"{uri}\" {what}"),
            ))
        };
        if !places.model.is_dir() {
            return wrong(
                &recipe.model.uri,
                "is no folder; name the folder that holds config.json",
            );
        }
        if !places.model.join("config.json").is_file() {
            return wrong(
                &recipe.model.uri,
                "holds no config.json; name a folder that save_pretrained(..) wrote",
            );
        }
        let files = [
            (Some(&places.calibration), Some(&recipe.calibration.source)),
            (
                places.evaluation.as_ref(),
                recipe
                    .evaluation
                    .as_ref()
                    .map(|evaluation| &evaluation.source),
            ),
        ];
        for (path, source) in files {
            if let (Some(path), Some(source)) = (path, source)
                && !path.is_file()
            {
                return wrong(&source.uri, "is no file; name a .tsv, .csv or .jsonl file");
            }
        }
        Ok(())
    }

    async fn estimate(&self, recipe: Recipe) -> Result<Plan, Failure> {
        let places = self.sources.places(&recipe, PathBuf::new())?;
        let internal = |what: String| Failure::new(Code::Internal, what);
        let turn = Arc::clone(&self.turn)
            .acquire_owned()
            .await
            .map_err(|error| internal(error.to_string()))?;
        let pruner = Arc::clone(&self.pruner);
        let estimate = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            pruner.estimate(&places, &recipe)
        });
        estimate
            .await
            .map_err(|error| internal(error.to_string()))?
    }
}
