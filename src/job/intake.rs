//! Checks of a recipe before it becomes a job, as a trait. The worker module implements it and the composition root
//! passes it to the HTTP API, so that the API does not depend on how sources are read.

use async_trait::async_trait;

use super::TenantId;
use crate::artifact::incoming::Upload;
use crate::prune::admission::Inspection;
use crate::prune::failure::Failure;
use crate::prune::plan::Plan;
use crate::prune::recipe::{Mapping, Recipe, Source};

/// Checks the sources of recipes, and uploads.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Makes cheap checks: every URI has a supported scheme, is allowed, and exists. Returns the recipe with pinned
    /// sources: for example, a revision becomes the commit that it names now.
    async fn check(&self, tenant: &TenantId, recipe: Recipe) -> Result<Recipe, Failure>;

    /// Reads the model and the data, and returns the plan. Queues nothing.
    async fn estimate(&self, tenant: &TenantId, recipe: Recipe) -> Result<Plan, Failure>;

    /// Reads the columns and the first rows of a dataset.
    async fn inspect(
        &self,
        tenant: &TenantId,
        source: &Source,
        mapping: Mapping,
    ) -> Result<Inspection, Failure>;

    /// Reads an upload, and checks that it has the announced content and opens as the kind of file that its name says.
    async fn admit(&self, tenant: &TenantId, upload: &Upload) -> Result<(), Failure>;
}
