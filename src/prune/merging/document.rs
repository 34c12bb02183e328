//! The chosen schedule as a document: the number of pairs that each layer merges.

use crate::prune::failure::{Code, Failure};
use crate::prune::recipe::Recipe;

/// Name of the document.
pub(super) const NAME: &str = "merging.json";

/// Encodes a schedule.
pub(super) fn encode(schedule: &Vec<usize>) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(schedule).map_err(|error| unencodable(&error))
}

/// Returns the settings on which the choice depends, as text.
pub(super) fn settings(recipe: &Recipe) -> Result<String, Failure> {
    let parts = (&recipe.target, &recipe.constraints, &recipe.method);
    serde_json::to_string(&parts).map_err(|error| unencodable(&error))
}

fn unencodable(error: &serde_json::Error) -> Failure {
    Failure::new(
        Code::Internal,
        format!("could not encode the schedule of merged positions as JSON: {error}"),
    )
}
