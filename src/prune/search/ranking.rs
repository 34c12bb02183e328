//! Ranking of all units by importance. It is computed once and serves any budget.

use super::constraints::Constraints;
use super::stages::Stages;
use crate::model::cost::Cost;
use crate::model::mask::Masks;
use crate::model::unit::UnitGroup;
use crate::prune::score::combine::UnitImportance;

/// All units of a model, ranked by importance.
pub struct Ranking<'a> {
    groups: &'a [UnitGroup],
    cost: &'a Cost,
    constraints: &'a Constraints,
    /// Units of each group, best first.
    ordered: Vec<Vec<usize>>,
    stages: Stages,
}

impl<'a> Ranking<'a> {
    /// Ranks all units by importance. Importances must not be negative.
    #[must_use]
    pub fn new(
        groups: &'a [UnitGroup],
        cost: &'a Cost,
        importance: &UnitImportance,
        constraints: &'a Constraints,
    ) -> Self {
        let ordered: Vec<Vec<usize>> = importance.groups.iter().map(|units| best(units)).collect();
        let values = importance.groups.iter().zip(&ordered);
        let values: Vec<Vec<f64>> = values
            .map(|(values, order)| order.iter().map(|&unit| values[unit]).collect())
            .collect();
        Self {
            groups,
            cost,
            constraints,
            ordered,
            stages: Stages::new(groups, cost, &values, constraints),
        }
    }

    /// Returns the cost of the model.
    #[must_use]
    pub fn cost(&self) -> &Cost {
        self.cost
    }

    /// Returns the choice with the largest total importance that costs at least `low` and at most `high`, or `None` if
    /// there is none.
    #[must_use]
    pub fn choose(&self, low: u64, high: u64) -> Option<Masks> {
        let counts = match self.constraints.uniform {
            true => self.uniform(low, high),
            false => self.stages.best(low, high),
        };
        let kept = counts?.into_iter().zip(&self.ordered);
        let kept: Vec<Vec<usize>> = kept.map(|(count, units)| units[..count].to_vec()).collect();
        Some(Masks::keeping(self.groups, &kept))
    }

    /// Returns the counts for the largest fraction that costs at most `high`, with the same fraction for every group.
    /// Returns `None` if they cost less than `low`.
    fn uniform(&self, low: u64, high: u64) -> Option<Vec<usize>> {
        let widest = self.groups.iter().map(|group| group.width).max()?;
        let mut shares = (0..=widest).rev().map(|part| {
            let groups = self.groups.iter();
            let counts = groups.map(|group| {
                let step = self.constraints.step(group);
                let share = (group.width * part + widest / 2) / widest.max(1) / step * step;
                share.max(self.constraints.least(group))
            });
            counts.collect::<Vec<usize>>()
        });
        let cost = |counts: &Vec<usize>| self.cost.of(counts.iter().copied());
        let largest = shares.find(|counts| cost(counts) <= high);
        largest.filter(|counts| cost(counts) >= low)
    }
}

fn best(importances: &[f64]) -> Vec<usize> {
    let mut units: Vec<usize> = (0..importances.len()).collect();
    units.sort_by(|&a, &b| importances[b].total_cmp(&importances[a]).then(a.cmp(&b)));
    units
}
