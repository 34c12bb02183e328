//! Scale of the sketched scores, from exact scores of a few units per group.
//!
//! All units of a group are estimated from the same few probes, so they share an error: the estimates
//! may all be too large or all too small, even if their order is right. More probes reduce this error
//! only with the square root of their number. A few exact scores correct it directly: all estimates of
//! a group are multiplied by the geometric mean of the ratios exact / sketched.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::prune::failure::Failure;
use crate::prune::score::exact::{self, Wanted};
use crate::prune::score::scores::UnitScores;
use crate::prune::score::teacher::Teacher;
use crate::statistics::mean;

/// Number of units per group that are scored exactly: one from each quantile of the sketched terms.
pub const ANCHORS: usize = 8;

/// First random stream of these samples, so that they are independent of the samples of examples, token rows, audits
/// and probes, which use the same seed.
const FIRST_STREAM: u64 = 1 << 16;

/// Corrects the scale of each sketched group. `progress` may stop the work.
///
/// # Errors
/// Returns the failure of `progress`, or [`Internal`](crate::prune::failure::Code::Internal) if the graph fails.
pub fn set_scale(
    teacher: &Teacher<'_>,
    temperature: f64,
    seed: u64,
    groups: &mut [Option<UnitScores>],
    progress: &(dyn Fn() -> Result<(), Failure> + Sync),
) -> Result<(), Failure> {
    let sketched = groups.iter().enumerate();
    let wanted: Vec<Wanted> = sketched
        .filter_map(|(group, scores)| {
            let units = draw(&scores.as_ref()?.manifold, group, seed);
            Some(Wanted { group, units })
        })
        .collect();
    let progress = |_| progress();
    let exact = exact::score(teacher, temperature, &wanted, &progress, &|_, _| Ok(()))?;
    let sketched = groups.iter_mut().flatten();
    for ((scores, wanted), exact) in sketched.zip(&wanted).zip(&exact) {
        let sketched = wanted.units.iter().map(|&unit| scores.manifold[unit]);
        let factor = factor(exact.manifold_sums().zip(sketched));
        scores.manifold.iter_mut().for_each(|term| *term *= factor);
    }
    Ok(())
}

/// Samples one unit from each quantile of the terms and returns the units in ascending order.
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

/// Returns the factor for the sketched terms: the geometric mean of the ratios exact / sketched. Returns 1 if no
/// ratio is usable.
fn factor(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let ratios = pairs.map(|(exact, sketched)| (exact / sketched).ln());
    let ratios: Vec<f64> = ratios.filter(|ratio| ratio.is_finite()).collect();
    match ratios.is_empty() {
        true => 1.0,
        false => mean(&ratios).exp(),
    }
}
