//! Ranking of all units by importance. It is computed once and serves any budget.

use super::constraints::Constraints;
use super::heads::{Layer, RankedLayer};
use super::order::best_first;
use super::stages::{Counts, Stages};
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
    layers: Vec<RankedLayer<'a>>,
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
        let ordered: Vec<Vec<usize>> = importance
            .groups
            .iter()
            .map(|units| best_first(units, 0..units.len()))
            .collect();
        let values = importance.groups.iter().zip(&ordered);
        let values: Vec<Vec<f64>> = values
            .map(|(values, order)| order.iter().map(|&unit| values[unit]).collect())
            .collect();
        let layers = Layer::all(groups).into_iter();
        let layers = layers.map(|layer| RankedLayer::new(layer, &importance.groups));
        let layers: Vec<RankedLayer<'_>> = layers.collect();
        Self {
            groups,
            cost,
            constraints,
            ordered,
            stages: Stages::new(groups, cost, &values, &layers, constraints),
            layers,
        }
    }

    /// Returns the cost of the model.
    #[must_use]
    pub fn cost(&self) -> &Cost {
        self.cost
    }

    /// Returns the cost of the model that these masks keep.
    #[must_use]
    pub fn cost_of(&self, masks: &Masks) -> u64 {
        self.cost.of_masks(masks, self.groups)
    }

    /// Returns the choice with the largest total importance that costs at least `low` and at most `high`, or `None` if
    /// there is none.
    #[must_use]
    pub fn choose(&self, low: u64, high: u64) -> Option<Masks> {
        let counts = match self.constraints.uniform {
            true => self.uniform(low, high),
            false => self.stages.best(low, high),
        };
        let Counts { groups, layers } = counts?;
        let kept = groups.into_iter().zip(&self.ordered);
        let mut kept: Vec<Vec<usize>> =
            kept.map(|(count, units)| units[..count].to_vec()).collect();
        for (layer, shape) in self.layers.iter().zip(layers) {
            for (group, units) in layer.kept(shape) {
                kept[group] = units;
            }
        }
        Some(Masks::keeping(self.groups, &kept))
    }

    /// Returns the counts for the largest fraction that costs at most `high`, with the same fraction for every group.
    /// Returns `None` if they cost less than `low`.
    fn uniform(&self, low: u64, high: u64) -> Option<Counts> {
        let widest = self.groups.iter().map(|group| group.width).max()?;
        let mut shares = (0..=widest).rev().map(|part| {
            let groups = self.groups.iter();
            let counts = groups.map(|group| {
                let step = self.constraints.step(group);
                let share = (group.width * part + widest / 2) / widest.max(1) / step * step;
                share.max(self.constraints.least(group))
            });
            let mut groups: Vec<usize> = counts.collect();
            let layers = self.layers.iter().map(|ranked| {
                let shape = ranked.layer.uniform(part, widest, self.constraints);
                for (group, count) in ranked.layer.counts(shape) {
                    groups[group] = count;
                }
                shape
            });
            let layers = layers.collect();
            Counts { groups, layers }
        });
        let cost = |counts: &Counts| {
            let layers = self.layers.iter().zip(&counts.layers);
            let heads = layers.map(|(ranked, &shape)| ranked.layer.overhead(self.cost, shape));
            self.cost.of(counts.groups.iter().copied()) + heads.sum::<u64>()
        };
        let largest = shares.find(|counts| cost(counts) <= high);
        largest.filter(|counts| cost(counts) >= low)
    }
}
