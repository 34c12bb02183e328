//! Ranking of all units by importance. It is computed once and serves any budget.

use super::bundles::Bundles;
use super::constraints::Constraints;
use super::price::Price;
use super::{least, menu};
use crate::model::mask::Masks;
use crate::model::unit::UnitGroup;
use crate::prune::score::combine::UnitImportance;

/// All units of a model, ranked by importance.
pub struct Ranking<'a> {
    groups: &'a [UnitGroup],
    price: &'a Price,
    constraints: &'a Constraints,
    /// Units of each group, best first.
    ordered: Vec<Vec<usize>>,
    filling: Filling<'a>,
}

/// Method for filling a budget.
enum Filling<'a> {
    /// Select counts of units from classes of equal cost.
    Classes(Bundles),
    /// Select one count from the menu of each group.
    Menu {
        fixed: u64,
        prices: &'a [Vec<u64>],
        /// Importance of each group's units, best first.
        values: Vec<Vec<f64>>,
    },
}

impl<'a> Ranking<'a> {
    /// Ranks all units by importance.
    #[must_use]
    pub fn new(
        groups: &'a [UnitGroup],
        price: &'a Price,
        importance: &UnitImportance,
        constraints: &'a Constraints,
    ) -> Self {
        let ordered: Vec<Vec<usize>> = importance.groups.iter().map(|units| best(units)).collect();
        let filling = match price {
            Price::PerUnit(cost) => Filling::Classes(Bundles::new(
                groups,
                cost,
                importance,
                &ordered,
                constraints,
            )),
            Price::PerCount {
                fixed,
                groups: prices,
            } => Filling::Menu {
                fixed: *fixed,
                prices,
                values: importance
                    .groups
                    .iter()
                    .zip(&ordered)
                    .map(|(values, order)| order.iter().map(|&unit| values[unit]).collect())
                    .collect(),
            },
        };
        Self {
            groups,
            price,
            constraints,
            ordered,
            filling,
        }
    }

    /// Returns the prices of the units.
    #[must_use]
    pub fn price(&self) -> &Price {
        self.price
    }

    /// Returns the choice with the largest total importance that costs at least `low` and at most `high`, or `None` if
    /// there is none.
    #[must_use]
    pub fn choose(&self, low: u64, high: u64) -> Option<Masks> {
        let counts = match self.constraints.uniform {
            true => self.uniform(high),
            false => self.free(low, high),
        };
        let counts = counts.filter(|counts| self.price.of(counts.iter().copied()) >= low)?;
        let kept = counts.iter().zip(&self.ordered);
        let kept: Vec<Vec<usize>> = kept
            .map(|(&count, units)| units[..count].to_vec())
            .collect();
        Some(Masks::keeping(self.groups, &kept))
    }

    fn free(&self, low: u64, high: u64) -> Option<Vec<usize>> {
        match &self.filling {
            Filling::Classes(bundles) => {
                let floor = least(self.groups, self.price, self.constraints);
                let kept = self.groups.iter();
                let kept = kept.map(|group| self.constraints.least(group)).collect();
                bundles.best(kept, low.saturating_sub(floor), high.checked_sub(floor)?)
            }
            Filling::Menu {
                fixed,
                prices,
                values,
            } => menu::best(
                self.groups,
                self.constraints,
                values,
                prices,
                high.checked_sub(*fixed)?,
            ),
        }
    }

    /// Returns the counts for the largest fraction that fits, with the same fraction for every group.
    fn uniform(&self, high: u64) -> Option<Vec<usize>> {
        let widest = self.groups.iter().map(|group| group.width).max()?;
        let shares = (0..=widest).rev().map(|part| {
            let groups = self.groups.iter();
            let counts = groups.map(|group| {
                let step = self.constraints.step(group);
                let share = (group.width * part + widest / 2) / widest.max(1) / step * step;
                share.max(self.constraints.least(group))
            });
            counts.collect::<Vec<usize>>()
        });
        let mut shares = shares.into_iter();
        shares.find(|counts| self.price.of(counts.iter().copied()) <= high)
    }
}

fn best(importances: &[f64]) -> Vec<usize> {
    let mut units: Vec<usize> = (0..importances.len()).collect();
    units.sort_by(|&a, &b| importances[b].total_cmp(&importances[a]).then(a.cmp(&b)));
    units
}
