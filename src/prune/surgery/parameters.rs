//! The number of weights of a pruned model, computed without pruning it.

use std::collections::BTreeMap;

use crate::checkpoint::weights::Weights;
use crate::model::cost::{Cost, Curve};
use crate::model::unit::UnitGroup;
use crate::prune::failure::{Code, Failure};

/// One dimension of a tensor.
struct Dimension {
    /// Number of indices that belong to no unit.
    unowned: u64,
    /// The groups whose units own indices, each with the number of indices per unit. A group with several slices occurs
    /// several times.
    owners: Vec<(usize, u64)>,
}

/// Returns the number of weights for any number of kept units.
///
/// A tensor's size is the product of its dimensions. If two groups own indices of different dimensions, for example
/// the output and input channels of a convolution, each pair of their units shares weights.
///
/// # Errors
/// Returns [`Code::Internal`] if the model declares its groups incorrectly: the slices do not fit into their tensor, or
/// units share weights although their groups are not neighbors.
pub fn parameters(weights: &Weights, groups: &[UnitGroup]) -> Result<Cost, Failure> {
    let mut per_unit = vec![0; groups.len()];
    let mut pairs = vec![0; groups.len().saturating_sub(1)];
    for (tensor, dimensions) in owned(weights, groups)? {
        let (owned, whole): (Vec<_>, Vec<_>) = dimensions
            .into_iter()
            .partition(|dimension| !dimension.owners.is_empty());
        let others: u64 = whole.iter().map(|dimension| dimension.unowned).product();
        match owned.as_slice() {
            [only] => {
                for &(group, span) in &only.owners {
                    per_unit[group] += span * others;
                }
            }
            [first, second] => {
                for (one, other) in [(first, second), (second, first)] {
                    for &(group, span) in &one.owners {
                        per_unit[group] += span * other.unowned * others;
                    }
                }
                for &(a, rows) in &first.owners {
                    for &(b, columns) in &second.owners {
                        if a.abs_diff(b) != 1 {
                            let [a, b] = [a, b].map(|group| groups[group].name.as_str());
                            return Err(uncountable(
                                tensor,
                                &format!("{a} and {b} are not neighbors"),
                            ));
                        }
                        pairs[a.min(b)] += rows * columns * others;
                    }
                }
            }
            _ => {
                return Err(uncountable(
                    tensor,
                    "more than two dimensions belong to units",
                ));
            }
        }
    }
    let mut cost = Cost {
        fixed: 0,
        groups: per_unit.into_iter().map(Curve::Linear).collect(),
        pairs,
    };
    cost.fixed = weights.parameters() - cost.whole(groups);
    Ok(cost)
}

/// Returns the dimensions of each tensor of which a unit owns a slice.
fn owned<'a>(
    weights: &Weights,
    groups: &'a [UnitGroup],
) -> Result<BTreeMap<&'a str, Vec<Dimension>>, Failure> {
    let mut tensors: BTreeMap<&str, Vec<Dimension>> = BTreeMap::new();
    for (index, group) in groups.iter().enumerate() {
        for slice in &group.slices {
            let Some(shape) = weights.shape(&slice.tensor) else {
                continue;
            };
            let dimensions = tensors.entry(&slice.tensor).or_insert_with(|| {
                let dimensions = shape.iter().map(|&size| Dimension {
                    unowned: size as u64,
                    owners: Vec::new(),
                });
                dimensions.collect()
            });
            let indices = (group.width * slice.span) as u64;
            let dimension = dimensions.get_mut(slice.dim);
            let dimension = dimension.filter(|dimension| dimension.unowned >= indices);
            let dimension = dimension.ok_or_else(|| {
                uncountable(
                    &slice.tensor,
                    &format!("the slices of {} exceed the tensor", group.name),
                )
            })?;
            dimension.unowned -= indices;
            dimension.owners.push((index, slice.span as u64));
        }
    }
    Ok(tensors)
}

fn uncountable(tensor: &str, reason: &str) -> Failure {
    Failure::new(
        Code::Internal,
        format!("could not count the weights of the tensor {tensor}: {reason}"),
    )
}
