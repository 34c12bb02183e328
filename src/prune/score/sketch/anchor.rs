//! The scale of a sketch, from a few units that are scored exactly.
//!
//! What all units of a group have in common reaches every unit's estimate through the same few probes,
//! so a group's estimates may all be too large or too small together however well they are in order,
//! and more probes mend that only by the root of their number. Some exact scores mend it at once: the
//! group's estimates are multiplied by the geometric mean of exact over sketched terms.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::Sketch;
use crate::prune::failure::Failure;
use crate::prune::score::exact::{self, Wanted};
use crate::prune::score::teacher::Teacher;
use crate::prune::verify::quality::mean;

/// Units of a group that are scored exactly: one from each level of the sketched terms.
pub const ANCHORS: usize = 8;

/// Keeps these draws apart from those of examples, token rows, audits and probes, which have the same seed.
const FIRST_STREAM: u64 = 1 << 16;

/// Sets the scale of each sketched group. `progress` may stop the work.
///
/// # Errors
/// What `progress` answers, or a fault of ours.
pub fn set_scale(
    teacher: &Teacher<'_>,
    temperature: f64,
    seed: u64,
    sketch: &mut Sketch,
    progress: &(dyn Fn() -> Result<(), Failure> + Sync),
) -> Result<(), Failure> {
    let sketched = sketch.groups.iter().enumerate();
    let wanted: Vec<Wanted> = sketched
        .filter_map(|(block, scores)| {
            let units = draw(&scores.as_ref()?.manifold, block, seed);
            Some(Wanted { block, units })
        })
        .collect();
    let progress = |_| progress();
    let exact = exact::score(teacher, temperature, &wanted, &progress, &|_, _| Ok(()))?;
    let groups = sketch.groups.iter_mut().flatten();
    for ((scores, wanted), exact) in groups.zip(&wanted).zip(&exact) {
        let sketched = wanted.units.iter().map(|&unit| scores.manifold[unit]);
        let factor = factor(exact.manifold_sums().zip(sketched));
        scores.manifold.iter_mut().for_each(|term| *term *= factor);
    }
    Ok(())
}

/// One unit from each level, in their order.
fn draw(terms: &[f64], group: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(FIRST_STREAM + group as u64);
    let mut units: Vec<usize> = (0..terms.len()).collect();
    units.sort_by(|&a, &b| terms[a].total_cmp(&terms[b]).then(a.cmp(&b)));
    let levels = ANCHORS.min(units.len());
    let bounds = |level: usize| level * units.len() / levels;
    let mut drawn: Vec<usize> = (0..levels)
        .map(|level| units[random.random_range(bounds(level)..bounds(level + 1))])
        .collect();
    drawn.sort_unstable();
    drawn
}

/// What the sketched terms are to be multiplied by; 1 where no pair tells anything.
fn factor(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let ratios = pairs.map(|(exact, sketched)| (exact / sketched).ln());
    let ratios: Vec<f64> = ratios.filter(|ratio| ratio.is_finite()).collect();
    match ratios.is_empty() {
        true => 1.0,
        false => mean(&ratios).exp(),
    }
}
