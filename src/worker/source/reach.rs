//! Whether a recipe's sources can be had now, asked with as little as possible.

use super::Sources;
use super::uri::SourceUri;
use crate::prune::failure::Failure;
use crate::prune::recipe::Recipe;

impl Sources {
    /// Asks each place for what the recipe names there, without fetching it.
    ///
    /// # Errors
    /// The first place that does not answer, or refuses.
    pub async fn reach(&self, recipe: &Recipe) -> Result<(), Failure> {
        for source in recipe.sources() {
            if let SourceUri::Hub(uri) = SourceUri::parse(&source.uri)? {
                self.remote()?.hub.reach(&uri).await?;
            }
        }
        // A bucket's listing tells as much as its objects would.
        self.pin(recipe.clone()).await.map(drop)
    }
}
