//! What the HTTP face needs to know of a recipe before it becomes a job, without knowing how
//! sources are read: implemented by the worker's side, handed over by the composition root.

use async_trait::async_trait;

use super::TenantId;
use crate::artifact::incoming::Upload;
use crate::prune::failure::Failure;
use crate::prune::plan::Plan;
use crate::prune::recipe::Recipe;

/// Looks at a recipe's sources.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Cheap checks: every URI is of a known scheme, allowed, and there. Answers the recipe with what may move
    /// pinned down: a revision becomes the commit that it names now.
    async fn check(&self, tenant: &TenantId, recipe: Recipe) -> Result<Recipe, Failure>;

    /// Reads model and data, and plans; queues nothing.
    async fn estimate(&self, tenant: &TenantId, recipe: Recipe) -> Result<Plan, Failure>;

    /// Reads what a tenant sent in: whether it is what was announced, and what its name says.
    async fn admit(&self, tenant: &TenantId, upload: &Upload) -> Result<(), Failure>;
}
