//! Merging of similar positions (Bolya et al. 2023, "Token Merging: Your ViT But Faster").
//!
//! The positions after the leading ones are divided into two sets by turns. Each position of the first set has a partner in
//! the second: the one with the largest cosine similarity of their channels. The pairs that are most similar are replaced
//! by the mean of both, weighted by the number of original positions that each stands for. The paper compares the keys of
//! the attention. This layer compares the stream itself, which is the same whatever channels of heads are removed.

use candle_core::{Device, Result, Tensor};
use rayon::prelude::*;

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout, Slot};
use crate::model::nn::kernel::product::{View, multiply};
use crate::model::nn::meter;
use crate::model::nn::traced::Traced;
use crate::model::symbol::merge::{Division, merge};
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::{Terms, Work};
use crate::onnx::graph::Graph;

/// Added to the length of a vector before it is divided by it.
const EPSILON: f32 = 1e-6;

/// Replaces `count` pairs of positions of each row by one position each. Leading positions stay, and so do rows that are
/// too short for so many pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// Number of pairs.
    count: usize,
    /// Number of channels.
    channels: usize,
    /// See [`planned`](Self::planned).
    planned: bool,
}

/// Where the positions of a row go.
struct Plan {
    /// The new position of each position.
    targets: Vec<u32>,
    /// The share of each position in its new one.
    shares: Vec<f32>,
    /// Sizes of the new positions.
    sizes: Vec<f32>,
}

impl Merge {
    /// Creates a layer that merges `count` pairs of positions with this number of channels.
    #[must_use]
    pub fn new(count: usize, channels: usize) -> Self {
        Self {
            count,
            channels,
            planned: false,
        }
    }

    /// Marks a layer that the original implementation does not have.
    #[must_use]
    pub fn planned(self) -> Self {
        Self {
            planned: true,
            ..self
        }
    }

    /// Returns the number of pairs that are merged in a row: at most as many as the first set has.
    #[must_use]
    pub fn pairs(count: usize, positions: usize, lead: usize) -> usize {
        count.min((positions - lead) / 2)
    }

    /// Returns the plan of each row and its merged positions.
    fn rows(
        &self,
        stream: &Tensor,
        lead: usize,
        sizes: Option<&Tensor>,
    ) -> Result<Vec<(Plan, Vec<f32>)>> {
        let (rows, positions, channels) = stream.dims3()?;
        let values = stream.to_device(&Device::Cpu)?.flatten_all()?;
        let values = values.to_vec1::<f32>()?;
        let sizes = match sizes {
            Some(sizes) => sizes.flatten_all()?.to_vec1()?,
            None => vec![1.0; rows * positions],
        };
        let (first, second) = halves(positions - lead);
        meter::count(rows * first * second * channels);
        let pairs = Self::pairs(self.count, positions, lead);
        let rows = (0..rows).into_par_iter().map(|row| {
            let values = &values[row * positions * channels..][..positions * channels];
            let sizes = &sizes[row * positions..][..positions];
            let plan = plan(values, channels, lead, sizes, pairs);
            let merged = plan.merged(values, channels);
            (plan, merged)
        });
        Ok(rows.collect())
    }
}

impl Plan {
    /// Returns the means of the positions, `[new positions, channels]`.
    fn merged(&self, values: &[f32], channels: usize) -> Vec<f32> {
        let mut merged = vec![0.0; self.sizes.len() * channels];
        let positions = values.chunks_exact(channels).zip(&self.shares);
        for ((own, &share), &target) in positions.zip(&self.targets) {
            let mean = &mut merged[target as usize * channels..][..channels];
            for (mean, value) in mean.iter_mut().zip(own) {
                *mean += share * value;
            }
        }
        merged
    }
}

/// Returns the numbers of positions in both sets.
fn halves(positions: usize) -> (usize, usize) {
    (positions.div_ceil(2), positions / 2)
}

/// Decides which positions of a row are merged.
fn plan(values: &[f32], channels: usize, lead: usize, sizes: &[f32], pairs: usize) -> Plan {
    let positions = sizes.len();
    let similar = similarities(values, channels, lead);
    let (first, second) = halves(positions - lead);
    // The partner of each position of the first set, and how similar it is.
    let partners = (0..first).map(|own| {
        let row = &similar[own * second..(own + 1) * second];
        let best = (0..second).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]));
        best.map_or((f32::NEG_INFINITY, 0), |best| (row[best], best))
    });
    let partners: Vec<(f32, usize)> = partners.collect();
    let mut order: Vec<usize> = (0..first).collect();
    order.sort_by(|&a, &b| partners[b].0.total_cmp(&partners[a].0).then(a.cmp(&b)));
    let mut merged = vec![false; first];
    order[..pairs].iter().for_each(|&own| merged[own] = true);
    // The leading positions, then the rest of the first set, then the second set.
    let mut targets = vec![0; positions];
    let mut next = 0u32;
    let mut place = |position: usize| {
        targets[position] = next;
        next += 1;
    };
    (0..lead).for_each(&mut place);
    (0..first)
        .filter(|&own| !merged[own])
        .for_each(|own| place(lead + 2 * own));
    (0..second).for_each(|own| place(lead + 2 * own + 1));
    for own in (0..first).filter(|&own| merged[own]) {
        targets[lead + 2 * own] = targets[lead + 2 * partners[own].1 + 1];
    }
    let mut sums = vec![0.0; next as usize];
    for (&target, size) in targets.iter().zip(sizes) {
        sums[target as usize] += size;
    }
    let shares = targets.iter().zip(sizes);
    Plan {
        shares: shares
            .map(|(&target, size)| size / sums[target as usize])
            .collect(),
        targets,
        sizes: sums,
    }
}

/// Returns the cosine similarity of each position of the first set with each of the second, row-major.
fn similarities(values: &[f32], channels: usize, lead: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = values.chunks_exact(channels).skip(lead).collect();
    let (first, second) = halves(rows.len());
    let unit = |row: &&[f32]| -> Vec<f32> {
        let square: f32 = row.iter().map(|value| value * value).sum();
        let length = square.sqrt() + EPSILON;
        row.iter().map(|value| value / length).collect()
    };
    let set = |offset: usize| -> Vec<f32> {
        let set = rows.iter().skip(offset).step_by(2);
        set.flat_map(unit).collect()
    };
    let (left, right) = (set(0), set(1));
    let mut similar = vec![0.0; first * second];
    if second > 0 {
        let left = View::rows_of(&left, first, channels, channels);
        let right = View::rows_of(&right, second, channels, channels);
        multiply(&mut similar, second, left, right.transposed());
    }
    similar
}

impl Merge {
    /// Merges the positions, and returns the new state with the new position and the share of each position of each row.
    fn run(&self, input: &Hidden) -> Result<(Hidden, Vec<Plan>)> {
        let lead = input.layout.lead();
        let (rows, positions, channels) = input.stream.dims3()?;
        let of_rows = self.rows(&input.stream, lead, input.carried(Slot::Sizes))?;
        let (plans, merged): (Vec<Plan>, Vec<Vec<f32>>) = of_rows.into_iter().unzip();
        let left = positions - Self::pairs(self.count, positions, lead);
        let device = input.stream.device();
        let merged = Tensor::from_vec(merged.concat(), (rows, left, channels), device)?;
        let sizes: Vec<f32> = plans.iter().flat_map(|plan| plan.sizes.clone()).collect();
        let origins: Vec<u32> = match input.carried(Slot::Origins) {
            None => plans.iter().flat_map(|plan| plan.targets.clone()).collect(),
            Some(origins) => {
                let origins = origins.to_device(&Device::Cpu)?.to_vec2::<u32>()?;
                let rows = origins.iter().zip(&plans);
                let follow = |(origins, plan): (&Vec<u32>, &Plan)| -> Vec<u32> {
                    let targets = origins.iter();
                    targets.map(|&at| plan.targets[at as usize]).collect()
                };
                rows.flat_map(follow).collect()
            }
        };
        let original = origins.len() / rows.max(1);
        let output = input
            .with_positions(merged, lead)
            .carrying(Slot::Sizes, Tensor::from_vec(sizes, (rows, left), device)?)
            .carrying(
                Slot::Origins,
                Tensor::from_vec(origins, (rows, original), device)?,
            );
        Ok((output, plans))
    }
}

/// Returns the index of the new position of each position, among those of all rows.
fn places(plans: &[Plan], left: usize, device: &Device) -> Result<Tensor> {
    let rows = (0u32..).zip(plans);
    let places = rows.flat_map(|(row, plan)| {
        let targets = plan.targets.iter();
        targets.map(move |target| row * left as u32 + target)
    });
    Tensor::new(places.collect::<Vec<u32>>(), device)
}

impl Layer for Merge {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        Ok(self.run(input)?.0)
    }

    /// The backward pass does not reach the choice of the pairs, which is constant near almost every input.
    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let (rows, positions, channels) = input.stream.dims3()?;
        let (value, plans) = self.run(input)?;
        let left = value.stream.dim(1)?;
        let layout = input.layout;
        Ok(Traced {
            value,
            pull: Box::new(move |cotangent: Hidden| {
                let copies = cotangent.stream.dim(0)? / rows.max(1);
                let device = cotangent.stream.device();
                let places = places(&plans, left, device)?;
                let shares: Vec<f32> = plans.iter().flat_map(|plan| plan.shares.clone()).collect();
                let shares = Tensor::from_vec(shares, (1, rows * positions, 1), device)?;
                let merged = cotangent.stream.reshape((copies, rows * left, channels))?;
                let all = merged.index_select(&places, 1)?.broadcast_mul(&shares)?;
                let all = all.reshape((copies * rows, positions, channels))?;
                Ok(Hidden::new(all, layout))
            }),
        })
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let (lead, positions) = (input.layout.lead(), input.count()?);
        let pairs = Self::pairs(self.count, positions, lead);
        if pairs == 0 {
            return Ok(input.clone());
        }
        let (first, second) = halves(positions - lead);
        let stream = input.stream.positions(graph);
        let sizes = match input.find(Slot::Sizes) {
            Some(sizes) => sizes.positions(graph),
            None => {
                let shape = input.shape(graph);
                let one = graph.floats(&[1], &[1.0]);
                graph.apply("Expand", &[&one, &shape])
            }
        };
        let division = Division {
            lead,
            first,
            second,
            pairs,
            channels: self.channels,
        };
        let [merged, sizes] = merge(graph, &stream, &sizes, division, EPSILON);
        let layout = Layout::Map {
            height: 1,
            width: positions - lead - pairs,
            lead,
        };
        let output = input.with_map(Stream::Positions(merged), layout);
        Ok(output.carrying(Slot::Sizes, Stream::Positions(sizes)))
    }

    fn extent(&self, extent: &Extent) -> Extent {
        if self.planned && extent.is_of_original() {
            return extent.clone();
        }
        extent.map(|layout, positions| {
            let lead = layout.lead();
            let left = positions - Self::pairs(self.count, positions, lead);
            let layout = Layout::Map {
                height: 1,
                width: left - lead,
                lead,
            };
            (layout, left)
        })
    }

    /// Returns the work of the similarities.
    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        if self.planned && extent.is_of_original() {
            return Work::default();
        }
        let sets = |half: fn((usize, usize)) -> usize| {
            extent.map(|layout, positions| (layout, half(halves(positions - layout.lead()))))
        };
        let products = sets(|(first, _)| first).mean_product(&sets(|(_, second)| second));
        let written = self.extent(extent).mean() * self.channels as f64;
        Work {
            macs: Terms {
                fixed: products * self.channels as f64,
                ..Terms::default()
            },
            written,
            remembered: written,
        }
    }
}
