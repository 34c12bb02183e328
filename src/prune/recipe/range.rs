//! Ranges of the numbers in a recipe.

use crate::prune::failure::{Code, Failure};

/// Checks that a field is within its range, bounds included.
///
/// # Errors
/// Returns [`Code::InvalidRecipe`], which names the field and its range.
pub(super) fn check(field: &str, value: f64, low: f64, high: f64) -> Result<(), Failure> {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Failure::new(
        Code::InvalidRecipe,
        format!("{field} is {value}; it must be between {low} and {high}"),
    ))
}
