//! Whether a recipe's sources can be had now, asked with as little as possible.

use super::Sources;
use crate::prune::failure::Failure;
use crate::prune::recipe::Recipe;

impl Sources {
    /// Asks each place for what the recipe names there, without fetching it.
    ///
    /// # Errors
    /// The first place that does not answer, or refuses.
    pub async fn reach(&self, recipe: &Recipe) -> Result<(), Failure> {
        self.pin(recipe.clone()).await.map(drop)
    }
}
