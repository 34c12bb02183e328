//! The recipe that benchmarks measure.

use super::super::exit::Exit;
use super::super::recipe::{Inputs, recipe};
use crate::prune::recipe::{Constraints, Method, Metric, Recipe, Target};

/// Returns the recipe to measure: keep half of the FLOPs, with a tolerance that allows coarse units.
///
/// # Errors
/// See [`recipe`].
pub(super) fn half(
    inputs: Inputs,
    constraints: Constraints,
    method: Method,
) -> Result<Recipe, Exit> {
    let target = Target {
        metric: Metric::Flops,
        keep: 0.5,
        tolerance: 0.05,
    };
    recipe(inputs, target, constraints, method)
}
