//! The search as a knapsack problem: which stages a model's groups form, and what their choices mean.

use super::classes::{self, Bundle};
use super::constraints::Constraints;
use super::heads::{Item, RankedLayer, Shape};
use super::knapsack::{Choice, Knapsack, Stage};
use crate::model::cost::{Cost, Curve};
use crate::model::unit::UnitGroup;

/// The knapsack problem of a model.
pub(super) struct Stages {
    knapsack: Knapsack,
    /// The groups with a stage of their own, in the order of the first stages.
    single: Vec<usize>,
    /// The choices of each attention layer, in the order of the stages after these.
    layers: Vec<Vec<Item>>,
    /// The bundles of each class, in the order of the other stages.
    classes: Vec<Vec<Bundle>>,
    /// Number of units that each group keeps in any case.
    least: Vec<usize>,
    /// Cost that does not depend on the choice.
    fixed: u64,
}

/// Kept units as numbers: of each group, and the shape of each attention layer whose units are channels of heads.
pub(super) struct Counts {
    /// One number per group. Those of attention layers are not used.
    pub(super) groups: Vec<usize>,
    /// One shape per layer.
    pub(super) layers: Vec<Shape>,
}

impl Stages {
    /// Creates the problem. `values` holds the importance of each group's units, best first.
    pub(super) fn new(
        groups: &[UnitGroup],
        cost: &Cost,
        values: &[Vec<f64>],
        layers: &[RankedLayer<'_>],
        constraints: &Constraints,
    ) -> Self {
        let least: Vec<usize> = groups
            .iter()
            .map(|group| constraints.least(group))
            .collect();
        let mut fixed = cost.fixed;
        let mut single = Vec::new();
        let mut stages = Vec::new();
        let mut bundles = Vec::new();
        let plain = groups.iter().enumerate();
        for (index, group) in plain.filter(|(_, group)| group.heads.is_none()) {
            let step = constraints.step(group);
            let free = &values[index][least[index]..];
            match cost.groups[index] {
                Curve::Linear(each)
                    if !cost.has_pairs(index) && free.len().is_multiple_of(step) =>
                {
                    fixed += each * least[index] as u64;
                    let places = free.chunks_exact(step).enumerate();
                    bundles.extend(places.map(|(place, units)| Bundle {
                        worth: units.iter().sum(),
                        cost: each * step as u64,
                        group: index,
                        place,
                        units: step,
                    }));
                }
                _ => {
                    single.push(index);
                    let menu = menu(&cost.groups[index], free, least[index], step);
                    stages.push(Stage {
                        menu: match cost.has_pairs(index) {
                            true => menu,
                            false => largest(menu),
                        },
                        pair: cost.pair(index),
                    });
                }
            }
        }
        let layers = layers.iter().map(|layer| layer.menu(cost, constraints));
        let layers: Vec<Vec<Item>> = layers.collect();
        stages.extend(layers.iter().map(|menu| {
            let choices = menu.iter().enumerate().map(|(index, item)| Choice {
                units: index,
                cost: item.cost,
                worth: item.worth,
            });
            Stage {
                menu: choices.collect(),
                pair: 0,
            }
        }));
        let classes = classes::of(bundles);
        stages.extend(classes.iter().map(|class| Stage {
            menu: largest(classes::menu(class)),
            pair: 0,
        }));
        Self {
            knapsack: Knapsack::new(stages),
            single,
            layers,
            classes,
            least,
            fixed,
        }
    }

    /// Returns how many units the best choice keeps that costs at least `low` and at most `high`. Returns `None` if there
    /// is no such choice.
    pub(super) fn best(&self, low: u64, high: u64) -> Option<Counts> {
        let high = high.checked_sub(self.fixed)?;
        let items = self.knapsack.best(low.saturating_sub(self.fixed), high)?;
        let stages = self.knapsack.stages().iter().zip(items);
        let kept: Vec<usize> = stages.map(|(stage, item)| stage.menu[item].units).collect();
        let (single, rest) = kept.split_at(self.single.len());
        let (layers, bundles) = rest.split_at(self.layers.len());
        let mut counts = self.least.clone();
        for (&group, &count) in self.single.iter().zip(single) {
            counts[group] = count;
        }
        for (class, &taken) in self.classes.iter().zip(bundles) {
            for bundle in &class[..taken] {
                counts[bundle.group] += bundle.units;
            }
        }
        let layers = self.layers.iter().zip(layers);
        Some(Counts {
            groups: counts,
            layers: layers.map(|(menu, &item)| menu[item].shape).collect(),
        })
    }
}

/// Returns the choices of one group: `least` units and then any number of steps, or all units. `free` holds the
/// importance of the units after the first `least`.
fn menu(curve: &Curve, free: &[f64], least: usize, step: usize) -> Vec<Choice> {
    let mut choice = Choice {
        units: least,
        cost: curve.of(least),
        worth: 0.0,
    };
    let mut menu = vec![choice];
    for units in free.chunks(step) {
        choice.units += units.len();
        choice.cost = curve.of(choice.units);
        choice.worth += units.iter().sum::<f64>();
        menu.push(choice);
    }
    menu
}

/// Drops items that cost as much as the next item, which keeps more units.
fn largest(mut menu: Vec<Choice>) -> Vec<Choice> {
    menu.dedup_by(|next, kept| {
        let same = next.cost == kept.cost;
        if same {
            *kept = *next;
        }
        same
    });
    menu
}
