//! Calibration rows on their way through both models, block by block.

use candle_core::{Result, Tensor};

use super::super::failure::Failure;
use super::super::journal::Journal;
use super::super::prepare::Prepared;
use super::super::recipe::TokenWeights;
use super::super::student::Student;
use super::sensitivity::token_weights_once;

/// Tokens that go through the graph at once.
pub const BATCH_TOKENS: usize = 2_048;

/// Batches of each lane whose activations are in memory at once.
pub const AT_ONCE: usize = 4;

/// Every so many drawn rows one is held out of the fit.
const HOLD_OUT_EVERY: usize = 8;

/// Rows of one length: what both models make of them, after the blocks that are done.
pub(super) struct Walk {
    /// What they are there for.
    pub(super) part: Part,
    /// How much each token counts in each block, `[block][tokens]`; `None` where all count alike.
    weights: Option<Vec<Vec<f32>>>,
    pub(super) teacher: Tensor,
    pub(super) student: Tensor,
}

/// What rows are there for.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// The fit sees them.
    pub(super) fits: bool,
    /// The fit is judged on them.
    pub(super) judges: bool,
}

/// One block's least-squares problem on one batch.
pub(super) struct Problem {
    /// The kept units, `[tokens, kept * span]`.
    pub(super) inputs: Tensor,
    /// What the projection should give, `[tokens, out]`.
    pub(super) target: Tensor,
    /// How much each token counts, `[tokens, 1]`; `None` where all count alike.
    pub(super) weights: Option<Tensor>,
}

/// Tokens, at most, of the rows that a fit is judged on, where they are of like length.
#[must_use]
pub fn judged(rows: usize, tokens: usize) -> usize {
    match rows < HOLD_OUT_EVERY {
        true => tokens,
        false => tokens.div_ceil(HOLD_OUT_EVERY),
    }
}

/// All calibration rows before the first block.
///
/// # Errors
/// When the graph fails.
pub(super) fn set_out(
    prepared: &Prepared,
    tokens: TokenWeights,
    journal: &dyn Journal,
) -> std::result::Result<Vec<Walk>, Failure> {
    let model = prepared.model.as_ref();
    let rows = prepared.calibration.examples.len();
    let (held_out, fitted): (Vec<usize>, Vec<usize>) =
        (0..rows).partition(|row| row % HOLD_OUT_EVERY == HOLD_OUT_EVERY - 1);
    let mut batches = prepared.calibration.batches_of(&fitted, BATCH_TOKENS)?;
    let of_fit = batches.len();
    // With too few rows to hold some out, the fit itself is the judge.
    let none_held_out = held_out.is_empty();
    batches.extend(prepared.calibration.batches_of(&held_out, BATCH_TOKENS)?);
    let weights = match tokens {
        TokenWeights::Sensitivity => token_weights_once(prepared, &batches, journal)?,
        TokenWeights::Uniform => None,
    };
    let mut weights = weights.map(Vec::into_iter);
    let walks = batches.iter().enumerate().map(|(index, batch)| {
        let hidden = model.stem(batch)?;
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
    /// The problem of the next block, and the teacher's output of it.
    pub(super) fn pose(&self, student: &Student<'_>, block: usize) -> Result<(Problem, Tensor)> {
        let model = student.model;
        let units = model.units(block, &self.teacher)?;
        let sum = (model.project(block, &units)? + model.residual(block, &self.teacher)?)?;
        let residual = model.residual(block, &self.student)?;
        let target = (&sum - &residual)?.flatten(0, 1)?;
        let weights = self.weights.as_ref().map(|weights| {
            let shape = (weights[block].len(), 1);
            Tensor::from_slice(&weights[block], shape, target.device())
        });
        let problem = Problem {
            inputs: student.units(block, &self.student)?.flatten(0, 1)?,
            target,
            weights: weights.transpose()?,
        };
        Ok((problem, model.finish(block, &sum)?))
    }

    /// The student's output of the next block.
    pub(super) fn output(&self, student: &Student<'_>, block: usize) -> Result<Tensor> {
        student.block(block, &self.student)
    }
}
