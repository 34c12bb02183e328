//! The schedules that are tried: three shapes with several numbers of pairs.

use crate::model::layer::merge::Merge;
use crate::model::merging::Merging;

/// Numbers of pairs of all layers together, as fractions of the positions.
const AMOUNTS: [f64; 4] = [0.2, 0.4, 0.6, 0.8];

/// How the pairs are divided among the layers.
#[derive(Clone, Copy)]
enum Shape {
    /// Equally (the constant schedule of Bolya et al. 2023).
    Constant,
    /// Most pairs in the first layers.
    Decreasing,
    /// Equally, after the first third of the layers.
    Late,
}

impl Shape {
    const ALL: [Self; 3] = [Self::Constant, Self::Decreasing, Self::Late];

    /// Returns the share of a layer, of which `layers` can merge.
    fn share(self, layer: usize, layers: usize) -> f64 {
        let from = layers / 3;
        match self {
            Self::Constant => 1.0 / layers as f64,
            Self::Decreasing => 2.0 * (layers - layer) as f64 / (layers * (layers + 1)) as f64,
            Self::Late if layer < from => 0.0,
            Self::Late => 1.0 / (layers - from) as f64,
        }
    }
}

/// Returns the candidates: no merging and several schedules, or, with `kept`, schedules that keep this fraction of the
/// positions on average over the layers after the first. The last layer computes only leading positions and merges none.
pub(super) fn candidates(merging: &Merging, kept: Option<f64>) -> Vec<Vec<usize>> {
    let schedule = |shape, amount| schedule(merging, shape, amount);
    let mut all: Vec<Vec<usize>> = match kept {
        None => {
            let off = std::iter::once(vec![0; merging.schedule.len()]);
            let shapes = Shape::ALL.into_iter();
            let others = shapes.flat_map(|shape| AMOUNTS.map(|amount| schedule(shape, amount)));
            off.chain(others).collect()
        }
        Some(kept) => {
            let nearest = |shape| {
                let amounts = (0..=100).map(|percent| schedule(shape, f64::from(percent) / 100.0));
                let distance = |own: &Vec<usize>| (mean_kept(merging, own) - kept).abs();
                amounts.min_by(|a, b| distance(a).total_cmp(&distance(b)))
            };
            Shape::ALL.into_iter().filter_map(nearest).collect()
        }
    };
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|schedule| seen.insert(schedule.clone()));
    all
}

/// Returns a schedule that merges about this fraction of the positions.
fn schedule(merging: &Merging, shape: Shape, amount: f64) -> Vec<usize> {
    let layers = merging.schedule.len().saturating_sub(1);
    let mut left = merging.positions;
    let (mut wanted, mut taken) = (0.0, 0);
    let mut pairs: Vec<usize> = (0..layers)
        .map(|layer| {
            wanted += amount * merging.positions as f64 * shape.share(layer, layers);
            let pairs = (wanted.round() as usize).saturating_sub(taken);
            let pairs = Merge::pairs(pairs, left, 0);
            taken += pairs;
            left -= pairs;
            pairs
        })
        .collect();
    pairs.resize(merging.schedule.len(), 0);
    pairs
}

/// Returns the mean over the layers but the last of the fraction of positions after each layer's merging.
fn mean_kept(merging: &Merging, schedule: &[usize]) -> f64 {
    let layers = schedule.len().saturating_sub(1).max(1);
    let mut left = merging.positions;
    let after = schedule[..schedule.len().min(layers)].iter().map(|pairs| {
        left -= pairs;
        left as f64 / merging.positions.max(1) as f64
    });
    after.sum::<f64>() / layers as f64
}
