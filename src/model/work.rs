//! The work of a layer on one row: multiply-accumulates, and the numbers that it holds in memory.

use std::collections::BTreeMap;
use std::ops::{Add, AddAssign, Mul};

use super::unit::UnitGroup;

/// Mean work per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Multiply-accumulates, as a function of the kept units.
    pub macs: Terms,
    /// Numbers that a forward pass writes, at full width.
    pub written: f64,
    /// Numbers that a recorded pass keeps in memory for the backward pass, at full width.
    pub remembered: f64,
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.macs += other.macs;
        self.written += other.written;
        self.remembered += other.remembered;
    }
}

/// A polynomial in the numbers of kept units and of kept heads:
/// `fixed + sum_g linear[g] n_g + sum_gh pairs[g, h] n_g n_h + sum_g heads[g] h_g`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// The constant.
    pub fixed: f64,
    /// Coefficients of single groups.
    pub linear: BTreeMap<usize, f64>,
    /// Coefficients of pairs of different groups, the smaller index first.
    pub pairs: BTreeMap<(usize, usize), f64>,
    /// Coefficients of the heads of single groups.
    pub heads: BTreeMap<usize, f64>,
}

impl Terms {
    /// Returns the value for all units and heads of these groups.
    #[must_use]
    pub fn with_all(&self, groups: &[UnitGroup]) -> f64 {
        let units = |group: usize| groups[group].width as f64;
        let linear = self
            .linear
            .iter()
            .map(|(&group, value)| value * units(group));
        let pairs = self.pairs.iter();
        let pairs = pairs.map(|(&(group, other), value)| value * units(group) * units(other));
        let heads = self.heads.iter();
        let heads = heads.map(|(&group, value)| value * groups[group].heads() as f64);
        self.fixed + linear.sum::<f64>() + pairs.sum::<f64>() + heads.sum::<f64>()
    }
}

impl AddAssign for Terms {
    fn add_assign(&mut self, other: Self) {
        self.fixed += other.fixed;
        for (group, value) in other.linear {
            *self.linear.entry(group).or_default() += value;
        }
        for (pair, value) in other.pairs {
            *self.pairs.entry(pair).or_default() += value;
        }
        for (group, value) in other.heads {
            *self.heads.entry(group).or_default() += value;
        }
    }
}

impl Add for Terms {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Mul<f64> for Terms {
    type Output = Self;

    fn mul(mut self, factor: f64) -> Self {
        self.fixed *= factor;
        let linear = self.linear.values_mut();
        let pairs = self.pairs.values_mut();
        let heads = self.heads.values_mut();
        let all = linear.chain(pairs).chain(heads);
        all.for_each(|value| *value *= factor);
        self
    }
}

/// A number of channels as a function of the kept units and heads: `fixed + sum_g span_g n_g + sum_g span_g h_g`.
#[derive(Clone, Debug, PartialEq)]
pub struct Width {
    /// Channels that belong to no unit.
    pub fixed: f64,
    /// Groups whose units own channels, with the number of channels per unit.
    pub spans: Vec<(usize, f64)>,
    /// Groups whose heads own channels, with the number of channels per head.
    pub heads: Vec<(usize, f64)>,
    /// Number of channels while all units are kept.
    pub full: f64,
}

impl Width {
    /// Returns a number of channels that does not depend on units.
    #[must_use]
    pub fn constant(channels: usize) -> Self {
        Self {
            fixed: channels as f64,
            spans: Vec::new(),
            heads: Vec::new(),
            full: channels as f64,
        }
    }
}

impl From<&Width> for Terms {
    fn from(width: &Width) -> Self {
        Self {
            fixed: width.fixed,
            linear: width.spans.iter().copied().collect(),
            pairs: BTreeMap::new(),
            heads: width.heads.iter().copied().collect(),
        }
    }
}

impl Mul for &Width {
    type Output = Terms;

    /// Returns the product. Two groups that own channels of both factors give a pair. The channels of heads are multiplied
    /// by the other factor's channels that belong to no unit: no tensor belongs to heads and to other units.
    fn mul(self, other: Self) -> Terms {
        let mut product = Terms::from(self) * other.fixed;
        for &(group, span) in &other.heads {
            *product.heads.entry(group).or_default() += self.fixed * span;
        }
        for &(group, span) in &other.spans {
            *product.linear.entry(group).or_default() += self.fixed * span;
            for &(own, own_span) in &self.spans {
                let pair = (own.min(group), own.max(group));
                *product.pairs.entry(pair).or_default() += own_span * span;
            }
        }
        product
    }
}
