//! What a model costs, as a sum over its units.

/// Multiply-accumulates of one forward of one row. Linear in the units: with `kept[g]` units in
/// group `g` the model costs `fixed + sum_g kept[g] * per_unit[g]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What remains when every unit is gone.
    pub fixed: u64,
    /// What one unit of each group adds.
    pub per_unit: Vec<u64>,
}

impl Cost {
    /// MACs with so many units kept in each group.
    #[must_use]
    pub fn macs(&self, kept: impl IntoIterator<Item = usize>) -> u64 {
        let units = self.per_unit.iter().zip(kept);
        self.fixed + units.map(|(&each, count)| each * count as u64).sum::<u64>()
    }
}

/// FLOPs of so many MACs: a multiplication and an addition.
#[must_use]
pub fn flops(macs: u64) -> u64 {
    2 * macs
}
