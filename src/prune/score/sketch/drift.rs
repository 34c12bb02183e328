//! How the distance from the original changes along the masks of a model that was cut and repaired.
//!
//! The original has no distance from itself, and near it only squares count. A cut model stands
//! elsewhere: with `E_z = G_z - G_z(original)` the removal of a unit changes `sum_z ||E_z||^2` by
//! `sum_z ||dG_z/dm||^2 - 2 <E_z, dG_z/dm>` to second order. The squares are what is scored anyway;
//! the slope, which they are less, comes from one way back for all units: `4 E_z F_z` on the normalised
//! features. The logits' term has a slope, too: that of the divergence from the original's logits.

use candle_core::{Result, Tensor};

use super::{PerUnit, add, piece, zeros};
use crate::checkpoint::config::Problem;
use crate::model::differentiable::Differentiable;
use crate::prune::failure::Failure;
use crate::prune::lanes;
use crate::prune::score::divergence::softmax;
use crate::prune::score::teacher::Teacher;

/// Derivatives of the distance by what the cut model puts out.
pub(super) struct Distance {
    /// By the normalised sampled rows of each block's feature, `[K, hidden]`.
    pub(super) features: Vec<Option<Tensor>>,
    /// By the logits of each batch, row-major.
    pub(super) logits: Vec<Vec<f32>>,
}

/// The slopes of one group's units.
#[derive(Clone, Debug, PartialEq)]
pub struct Slopes {
    /// Of the manifold terms, summed over the features, `[units]`.
    pub manifold: Vec<f64>,
    /// Of the logits' term, `[units]`.
    pub logits: Vec<f64>,
}

/// The slope along each unit's mask of how far `cut` is from `original`, group by group. Both ran over the
/// same rows.
///
/// # Errors
/// A fault of ours.
pub fn slopes(
    cut: &Teacher<'_>,
    original: &Teacher<'_>,
    back: &dyn Differentiable,
    temperature: f64,
) -> std::result::Result<Vec<Slopes>, Failure> {
    let groups = cut.model.groups();
    let wanted: Vec<bool> = groups.iter().map(|group| group.width > 0).collect();
    let distance = Distance::between(cut, original, temperature)?;
    let pieces = piece::pieces(cut)?;
    let parts = lanes::run(pieces.len(), |index| {
        Ok(pieces[index].slopes(cut, back, &distance, &wanted)?)
    })?;
    let mut totals: [PerUnit; 2] = [zeros(cut, &wanted), zeros(cut, &wanted)];
    for part in &parts {
        for (totals, part) in totals.iter_mut().zip(part) {
            add(totals, part);
        }
    }
    let [manifold, logits] = totals;
    let of_groups = manifold.into_iter().zip(logits);
    Ok(of_groups
        .map(|(manifold, logits)| Slopes { manifold, logits })
        .collect())
}

impl Distance {
    fn between(cut: &Teacher<'_>, original: &Teacher<'_>, temperature: f64) -> Result<Self> {
        let pairs = cut.features.iter().zip(&original.features);
        let features = pairs.map(|pair| match pair {
            (Some(ours), Some(theirs)) => gram_slope(ours, theirs).map(Some),
            _ => Ok(None),
        });
        let rows: usize = cut.batches.iter().map(|batch| batch.len()).sum();
        let pairs = cut.logits.iter().zip(&original.logits).zip(&cut.batches);
        let logits = pairs.map(|((ours, theirs), batch)| {
            let classes = (ours.len() / batch.len().max(1)).max(1);
            let of_rows = ours.chunks_exact(classes).zip(theirs.chunks_exact(classes));
            of_rows
                .flat_map(|(ours, theirs)| {
                    logits_slope(cut.model.problem(), ours, theirs, temperature)
                })
                .map(|slope| (slope / rows as f64) as f32)
                .collect()
        });
        Ok(Self {
            features: features.collect::<Result<_>>()?,
            logits: logits.collect(),
        })
    }
}

/// `d ||F F^T - T T^T||^2 / dF = 4 (F F^T - T T^T) F`, never as a matrix of all pairs of rows.
fn gram_slope(ours: &Tensor, theirs: &Tensor) -> Result<Tensor> {
    let own = ours.matmul(&ours.t()?.matmul(ours)?)?;
    let other = theirs.matmul(&theirs.t()?.matmul(ours)?)?;
    (own - other)? * 4.0
}

/// Of `T^2 KL(softmax(theirs / T) || softmax(ours / T))`, or of the squared difference of a regression.
fn logits_slope(problem: &Problem, ours: &[f32], theirs: &[f32], temperature: f64) -> Vec<f64> {
    match problem {
        Problem::Regression => {
            let pairs = ours.iter().zip(theirs);
            pairs
                .map(|(&ours, &theirs)| 2.0 * (f64::from(ours) - f64::from(theirs)))
                .collect()
        }
        Problem::Classification { .. } => {
            let pairs = softmax(ours, temperature)
                .into_iter()
                .zip(softmax(theirs, temperature));
            pairs
                .map(|(ours, theirs)| temperature * (ours - theirs))
                .collect()
        }
    }
}
