//! The cost of a model, as a sum over its units.

use super::work::Terms;

/// Multiply-accumulates of one forward pass of one row. The cost is linear in the units: with `kept[g]`
/// units in group `g` it is `fixed + sum_g kept[g] * per_unit[g]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Cost of the model without any units.
    pub fixed: u64,
    /// Cost of one unit of each group.
    pub per_unit: Vec<u64>,
}

impl Cost {
    /// Rounds a polynomial to whole costs.
    #[must_use]
    pub fn of_terms(terms: &Terms, groups: usize) -> Self {
        let whole = |value: f64| value.round() as u64;
        let per_unit = (0..groups).map(|group| terms.linear.get(&group).copied());
        Self {
            fixed: whole(terms.fixed),
            per_unit: per_unit.map(|each| whole(each.unwrap_or(0.0))).collect(),
        }
    }

    /// Returns the cost of a model with these numbers of kept units in each group.
    #[must_use]
    pub fn of(&self, kept: impl IntoIterator<Item = usize>) -> u64 {
        let units = self.per_unit.iter().zip(kept);
        self.fixed + units.map(|(&each, count)| each * count as u64).sum::<u64>()
    }
}

/// Converts MACs to FLOPs. Each MAC is a multiplication and an addition.
#[must_use]
pub fn flops(macs: u64) -> u64 {
    2 * macs
}
