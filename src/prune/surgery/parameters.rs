//! The number of weights of a pruned model, computed without pruning it.

use crate::checkpoint::weights::Weights;
use crate::model::cost::Cost;
use crate::model::unit::UnitGroup;
use crate::model::width::Widths;
use crate::model::work::{Terms, Width};
use crate::prune::failure::{Code, Failure};

/// Returns the number of weights for any number of kept units.
///
/// A tensor's size is the product of its dimensions. If two groups own indices of different dimensions, for example
/// the output and input channels of a convolution, each pair of their units shares weights.
///
/// # Errors
/// Returns [`Code::Internal`] if the model declares its groups incorrectly: the slices do not fit into their tensor, or
/// units share weights although their groups are not neighbors.
pub fn parameters(weights: &Weights, groups: &[UnitGroup]) -> Result<Cost, Failure> {
    let widths = Widths::new(groups);
    fits(weights, groups, &widths)?;
    let mut terms = Terms::default();
    for entry in weights.entries() {
        let dimensions = entry.shape.iter().enumerate();
        let dimensions = dimensions.map(|(dim, &size)| widths.of(entry.name, dim, 0..size));
        let (owned, others): (Vec<Width>, Vec<Width>) =
            dimensions.partition(|width| !(width.spans.is_empty() && width.heads.is_empty()));
        let others: f64 = others.iter().map(|width| width.full).product();
        terms += match owned.as_slice() {
            [] => Terms::from(&Width::constant(1)) * others,
            [only] => Terms::from(only) * others,
            [first, second] => first * second * others,
            _ => {
                return Err(uncountable(
                    entry.name,
                    "more than two dimensions belong to units",
                ));
            }
        };
    }
    Cost::of_terms(&terms, groups.len()).map_err(|(group, other)| {
        let [group, other] = [group, other].map(|index| groups[index].name.as_str());
        Failure::new(
            Code::Internal,
            format!(
                "could not count the weights: units of {group} and {other} share weights, but are not neighbors"
            ),
        )
    })
}

/// Checks that the slices of all groups fit into their tensors.
fn fits(weights: &Weights, groups: &[UnitGroup], widths: &Widths<'_>) -> Result<(), Failure> {
    for slice in groups.iter().flat_map(|group| &group.slices) {
        let Some(shape) = weights.shape(&slice.tensor) else {
            continue;
        };
        let size = shape.get(slice.dim);
        let fixed = size.map(|&size| widths.of(&slice.tensor, slice.dim, 0..size).fixed);
        if fixed.is_none_or(|fixed| fixed < 0.0) {
            return Err(uncountable(
                &slice.tensor,
                "the slices of its units exceed it",
            ));
        }
    }
    Ok(())
}

fn uncountable(tensor: &str, reason: &str) -> Failure {
    Failure::new(
        Code::Internal,
        format!("could not count the weights of the tensor {tensor}: {reason}"),
    )
}
