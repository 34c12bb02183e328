//! Sample of the units that an audit scores exactly: units next to the decision boundary, and a sample of the
//! others, stratified by importance in every group.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::model::mask::Masks;
use crate::prune::score::combine::UnitImportance;

/// Number of units on each side of the decision boundary.
const EACH_SIDE: usize = 32;

/// Number of units in the stratified sample. Rounding up in each group may add a few.
const STRATIFIED: usize = 256;

/// Random stream of this sample, so that it is independent of the others with the same seed.
const STREAM: u64 = 2;

/// A unit that is scored exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// Index of its group.
    pub group: usize,
    /// Index within the group.
    pub unit: usize,
    /// Number of units that it represents, including itself.
    pub weight: f64,
    /// Whether it is next to the decision boundary.
    pub boundary: bool,
}

/// Samples units of the wanted groups and returns them in the order of groups and units.
#[must_use]
pub fn draw(
    importance: &UnitImportance,
    masks: &Masks,
    wanted: &[bool],
    seed: u64,
) -> Vec<Sampled> {
    let mut units: Vec<(f64, usize, usize)> = Vec::new();
    for (group, importances) in importance.groups.iter().enumerate() {
        if wanted[group] {
            let of_group = importances.iter().enumerate();
            units.extend(of_group.map(|(unit, &value)| (value, group, unit)));
        }
    }
    units.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (kept, dropped): (Vec<_>, Vec<_>) = units
        .into_iter()
        .partition(|&(_, group, unit)| masks.keeps(group, unit));
    // Both lists are in descending order: the boundary is between the last kept and the first dropped unit.
    let (above, last_kept) = kept.split_at(kept.len().saturating_sub(EACH_SIDE));
    let (first_dropped, below) = dropped.split_at(dropped.len().min(EACH_SIDE));
    let boundary = last_kept.iter().chain(first_dropped);
    let mut sampled: Vec<Sampled> = boundary
        .map(|&(_, group, unit)| Sampled {
            group,
            unit,
            weight: 1.0,
            boundary: true,
        })
        .collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(STREAM);
    let others = above.len() + below.len();
    for group in 0..importance.groups.len() {
        let rest = above.iter().chain(below).filter(|unit| unit.1 == group);
        let rest: Vec<usize> = rest.map(|&(_, _, unit)| unit).collect();
        let share = (STRATIFIED * rest.len()).div_ceil(others.max(1));
        let share = share.min(rest.len());
        for level in 0..share {
            let levels = level * rest.len() / share..(level + 1) * rest.len() / share;
            sampled.push(Sampled {
                group,
                unit: rest[random.random_range(levels.clone())],
                weight: levels.len() as f64,
                boundary: false,
            });
        }
    }
    sampled.sort_by_key(|sampled| (sampled.group, sampled.unit));
    sampled
}
