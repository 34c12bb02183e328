//! Hidden states of the calibration rows in both models, advanced block by block.

use candle_core::{Result, Tensor};

use super::super::failure::Failure;
use super::super::journal::Journal;
use super::super::prepare::Prepared;
use super::super::recipe::PositionWeights;
use super::super::student::Student;
use super::sensitivity::position_weights_once;
use crate::model::chain::Model;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;

/// Maximum number of positions in one forward pass.
pub const BATCH_POSITIONS: usize = 2_048;

/// Number of batches per lane whose activations are in memory at the same time.
pub const AT_ONCE: usize = 4;

/// One of this number of sampled rows is held out of the fit.
const HOLD_OUT_INTERVAL: usize = 8;

/// The hidden states of rows of one length in both models, after the completed blocks.
pub(super) struct Walk {
    /// Use of these rows.
    pub(super) part: Part,
    /// Weight of each position in each block, `[block][positions]`. `None` if all positions have the same weight.
    weights: Option<Vec<Vec<f32>>>,
    /// Hidden state in the original model.
    pub(super) teacher: Hidden,
    /// Hidden state in the pruned model.
    pub(super) student: Hidden,
}

/// Use of some rows in a repair.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// Whether the rows are fitted.
    pub(super) fits: bool,
    /// Whether the fit is evaluated on the rows.
    pub(super) judges: bool,
}

/// One block's least-squares problem on one batch.
pub(super) struct Problem {
    /// The kept units, `[positions, kept * span]`.
    pub(super) inputs: Tensor,
    /// Target output of the projection, `[positions, out]`.
    pub(super) target: Tensor,
    /// Weight of each position, `[positions, 1]`. `None` if all positions have the same weight.
    pub(super) weights: Option<Tensor>,
}

/// Returns the maximum number of positions on which a fit is evaluated, for rows of similar length.
#[must_use]
pub fn judged(rows: usize, positions: usize) -> usize {
    match rows < HOLD_OUT_INTERVAL {
        true => positions,
        false => positions.div_ceil(HOLD_OUT_INTERVAL),
    }
}

/// Returns all calibration rows with their hidden states before the first block.
///
/// # Errors
/// Returns an error if the graph fails.
pub(super) fn start(
    prepared: &Prepared,
    weights: PositionWeights,
    journal: &dyn Journal,
) -> std::result::Result<Vec<Walk>, Failure> {
    let model = &prepared.model;
    let data = &prepared.calibration;
    let (held_out, fitted): (Vec<usize>, Vec<usize>) =
        (0..data.len()).partition(|row| row % HOLD_OUT_INTERVAL == HOLD_OUT_INTERVAL - 1);
    let batches = data.batches_of(&fitted, BATCH_POSITIONS);
    let of_fit = batches.len();
    // With too few rows to hold some out, the fit is evaluated on its own rows.
    let none_held_out = held_out.is_empty();
    let batches = batches.chain(data.batches_of(&held_out, BATCH_POSITIONS));
    let weights = match weights {
        PositionWeights::Sensitivity => position_weights_once(prepared, &batches, journal)?,
        PositionWeights::Uniform => None,
    };
    let mut weights = weights.map(Vec::into_iter);
    let walks = (0..batches.len()).map(|index| {
        // Merging begins after the stem, so both models have the same one.
        let hidden = model.stem.forward(&batches.load(index)?)?;
        let fits = index < of_fit;
        Ok(Walk {
            part: Part {
                fits,
                judges: !fits || none_held_out,
            },
            weights: weights.as_mut().and_then(Iterator::next),
            teacher: hidden.clone(),
            student: hidden,
        })
    });
    walks.collect()
}

impl Walk {
    /// Returns the least-squares problem of the next block, and the original's output of that block. If a position of the
    /// student stands for several, its target is their mean.
    pub(super) fn pose(
        &self,
        original: &Model,
        student: &Student<'_>,
        block: usize,
    ) -> Result<(Problem, Hidden)> {
        let own = &original.blocks[block];
        let units = own.units.forward(&self.teacher)?;
        let sum = own.sum(&own.projection.linear, &units, &self.teacher)?;
        let inputs = student.units(block, &self.student)?;
        let target = inputs.averaged(&sum.stream)?;
        let target = match student.model.blocks[block].residual(&self.student)? {
            Some(residual) => (target - &residual)?,
            None => target,
        };
        let target = target.flatten(0, 1)?;
        let weights = self.weights.as_ref().map(|weights| {
            let (rows, positions, _) = sum.stream.dims3()?;
            let weights =
                Tensor::from_slice(&weights[block], (rows, positions, 1), target.device());
            inputs.summed(&weights?)?.flatten(0, 1)
        });
        let problem = Problem {
            inputs: inputs.stream.flatten(0, 1)?,
            target,
            weights: weights.transpose()?,
        };
        Ok((problem, own.finish.forward(&sum)?))
    }

    /// Returns the student's output of the next block.
    pub(super) fn output(&self, student: &Student<'_>, block: usize) -> Result<Hidden> {
        student.block(block, &self.student)
    }
}
