//! Choices of an attention layer whose units are channels of heads.
//!
//! A choice keeps some heads, and equally many values and queries of each of them. A removed head loses all its values,
//! and a kept one its least important values and queries. The importance of the queries of a removed head does not count,
//! because nothing reads them.
//!
//! Heads of different widths are not offered. The attention kernels of PyTorch need equal widths, so narrower heads would be
//! padded to the widest one and save nothing.

use std::ops::Range;

use super::constraints::Constraints;
use super::order::best_first;
use crate::model::cost::Cost;
use crate::model::unit::{InHeads, UnitGroup};

/// Numbers of kept heads and of kept channels of each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Number of heads.
    pub(super) heads: usize,
    /// Values of each head.
    pub(super) values: usize,
    /// Queries of each head. 0 if the layer has no group of queries.
    pub(super) queries: usize,
}

/// An attention layer: its group of values, and its group of queries, if it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer<'a> {
    /// Index of the group of values.
    pub(super) values: usize,
    /// Index of the group of queries.
    pub(super) queries: Option<usize>,
    heads: usize,
    groups: &'a [UnitGroup],
}

impl<'a> Layer<'a> {
    /// Returns the attention layers of a model, in the order of their groups of values.
    pub(super) fn all(groups: &'a [UnitGroup]) -> Vec<Self> {
        let of_values = groups.iter().enumerate().filter_map(|(index, group)| {
            let InHeads { count, values, .. } = group.heads.as_ref()?;
            values.is_none().then_some((index, *count))
        });
        let layers = of_values.map(|(values, heads)| {
            let follows = |group: &UnitGroup| {
                let heads = group.heads.as_ref();
                heads.is_some_and(|own| own.values == Some(values))
            };
            Self {
                values,
                queries: groups.iter().position(follows),
                heads,
                groups,
            }
        });
        layers.collect()
    }

    /// Returns the numbers of channels of a whole head.
    fn whole(&self) -> Shape {
        let width = |group: usize| {
            self.groups[group]
                .width
                .checked_div(self.heads)
                .unwrap_or(0)
        };
        Shape {
            heads: self.heads,
            values: width(self.values),
            queries: self.queries.map_or(0, width),
        }
    }

    /// Returns all shapes that the constraints allow. There is at least one.
    fn shapes(&self, constraints: &Constraints) -> Vec<Shape> {
        let whole = self.whole();
        let least = |group: usize| constraints.least(&self.groups[group]);
        let least_values = least(self.values);
        let least_queries = self.queries.map_or(0, least);
        let mut shapes = Vec::new();
        if least_values == 0 && least_queries == 0 {
            shapes.push(Shape {
                heads: 0,
                values: 0,
                queries: 0,
            });
        }
        let step = constraints.round_widths_to;
        for heads in 1..=whole.heads {
            for values in widths(whole.values, step) {
                for queries in widths(whole.queries, step) {
                    if heads * values >= least_values && heads * queries >= least_queries {
                        shapes.push(Shape {
                            heads,
                            values,
                            queries,
                        });
                    }
                }
            }
        }
        shapes
    }

    /// Returns the number of values and the number of queries of all heads.
    pub(super) fn counts(&self, shape: Shape) -> impl Iterator<Item = (usize, usize)> {
        let queries = self
            .queries
            .map(|group| (group, shape.heads * shape.queries));
        [(self.values, shape.heads * shape.values)]
            .into_iter()
            .chain(queries)
    }

    fn cost(&self, cost: &Cost, shape: Shape) -> u64 {
        let counts = self.counts(shape);
        let units: u64 = counts
            .map(|(group, count)| cost.groups[group].of(count))
            .sum();
        units + self.overhead(cost, shape)
    }

    /// Returns the cost of the heads without their channels.
    pub(super) fn overhead(&self, cost: &Cost, shape: Shape) -> u64 {
        cost.heads[self.values] * shape.heads as u64
    }

    /// Returns the cheapest shape that the constraints allow.
    pub(super) fn least(&self, cost: &Cost, constraints: &Constraints) -> Shape {
        let shapes = self.shapes(constraints).into_iter();
        let least = shapes.min_by_key(|&shape| self.cost(cost, shape));
        least.unwrap_or_else(|| self.whole())
    }

    /// Returns the shape that keeps all heads and about this fraction `part / of` of their channels.
    pub(super) fn uniform(&self, part: usize, of: usize, constraints: &Constraints) -> Shape {
        let whole = self.whole();
        let share = |width: usize| (width * part + of / 2) / of.max(1);
        let near = |shape: &Shape| {
            (shape.heads == whole.heads || part == 0)
                && shape.values <= share(whole.values)
                && shape.queries <= share(whole.queries)
        };
        let shapes = self.shapes(constraints);
        let smallest = shapes[0];
        let fitting = shapes.into_iter().filter(near);
        let largest = fitting.max_by_key(|shape| shape.heads * (shape.values + shape.queries));
        largest.unwrap_or(smallest)
    }
}

/// Returns the numbers of channels that a kept head may keep: multiples of `step`, and all.
fn widths(whole: usize, step: usize) -> Vec<usize> {
    match whole {
        0 => vec![0],
        _ => (step..whole).step_by(step).chain([whole]).collect(),
    }
}

/// An attention layer with its channels in order of importance.
pub(super) struct RankedLayer<'a> {
    pub(super) layer: Layer<'a>,
    /// One entry per head.
    heads: Vec<RankedHead>,
}

/// The channels of a head, the most important first.
struct RankedHead {
    values: Ranked,
    queries: Ranked,
}

/// Units of one group in order of importance.
struct Ranked {
    units: Vec<usize>,
    /// Importance of the first `n` units, for every `n`.
    sums: Vec<f64>,
}

impl Ranked {
    fn new(importance: &[f64], own: Range<usize>) -> Self {
        let units = best_first(importance, own);
        let mut sums = vec![0.0];
        let mut sum = 0.0;
        for &unit in &units {
            sum += importance[unit];
            sums.push(sum);
        }
        Self { units, sums }
    }

    /// Returns the importance of all but the first `count` units.
    fn lost(&self, count: usize) -> f64 {
        self.sums[self.units.len()] - self.sums[count]
    }
}

/// A choice of a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) shape: Shape,
    pub(super) cost: u64,
    pub(super) worth: f64,
}

impl<'a> RankedLayer<'a> {
    /// Ranks the channels of a layer. `importance` has one list per group.
    pub(super) fn new(layer: Layer<'a>, importance: &[Vec<f64>]) -> Self {
        let whole = layer.whole();
        let heads = (0..whole.heads).map(|head| {
            let own = |width: usize| head * width..(head + 1) * width;
            let of_queries = layer.queries.map(|group| importance[group].as_slice());
            RankedHead {
                values: Ranked::new(&importance[layer.values], own(whole.values)),
                queries: Ranked::new(of_queries.unwrap_or_default(), own(whole.queries)),
            }
        });
        Self {
            heads: heads.collect(),
            layer,
        }
    }

    /// Returns how much importance each head adds if it is kept with so many channels, the most useful head first.
    fn gains(&self, shape: Shape) -> Vec<(usize, f64)> {
        let heads = self.heads.iter().enumerate();
        let gains = heads.map(|(head, ranked)| {
            let kept = ranked.values.sums[shape.values];
            (head, kept - ranked.queries.lost(shape.queries))
        });
        let mut gains: Vec<(usize, f64)> = gains.collect();
        gains.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        gains
    }

    /// Returns the useful choices, the cheapest first: each is worth more than all cheaper ones.
    pub(super) fn menu(&self, cost: &Cost, constraints: &Constraints) -> Vec<Item> {
        let shapes = self.layer.shapes(constraints).into_iter();
        let items = shapes.map(|shape| {
            let gains = self.gains(shape).into_iter().take(shape.heads);
            Item {
                shape,
                cost: self.layer.cost(cost, shape),
                worth: gains.map(|(_, gain)| gain).sum(),
            }
        });
        let mut items: Vec<Item> = items.collect();
        items.sort_by(|a, b| a.cost.cmp(&b.cost).then(b.worth.total_cmp(&a.worth)));
        let mut menu: Vec<Item> = Vec::new();
        for item in items {
            if menu.last().is_none_or(|last| item.worth > last.worth) {
                menu.push(item);
            }
        }
        menu
    }

    /// Returns the kept units of the group of values and of the group of queries.
    pub(super) fn kept(&self, shape: Shape) -> impl Iterator<Item = (usize, Vec<usize>)> + '_ {
        let kept = self.gains(shape).into_iter().take(shape.heads);
        let kept: Vec<usize> = kept.map(|(head, _)| head).collect();
        let units = |of: fn(&RankedHead) -> &Ranked, count: usize| -> Vec<usize> {
            let heads = kept.iter().map(|&head| of(&self.heads[head]));
            heads
                .flat_map(|ranked| ranked.units[..count].to_vec())
                .collect()
        };
        let values = units(|head| &head.values, shape.values);
        let queries = units(|head| &head.queries, shape.queries);
        let queries = self.layer.queries.map(|group| (group, queries));
        [(self.layer.values, values)].into_iter().chain(queries)
    }
}
