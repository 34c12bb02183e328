//! Checks whether the sources of a recipe are available now, with as few requests as possible.

use super::Sources;
use super::uri::SourceUri;
use crate::prune::failure::Failure;
use crate::prune::recipe::Recipe;

impl Sources {
    /// Checks each source of the recipe with its host, without fetching the content.
    ///
    /// # Errors
    /// Returns the failure of the first source that is unavailable or refused.
    pub async fn reach(&self, recipe: &Recipe) -> Result<(), Failure> {
        for source in recipe.sources() {
            if let SourceUri::Hub(uri) = SourceUri::parse(&source.uri)? {
                self.remote()?.hub.reach(&uri).await?;
            }
        }
        // For a bucket, the listing that `pin` requests tells as much as the objects would.
        self.pin(recipe.clone()).await.map(drop)
    }
}
