//! Calibration rows on their way through both models, block by block.

use candle_core::{Result, Tensor};

use super::super::failure::Failure;
use super::super::prepare::Prepared;
use super::super::recipe::TokenWeights;
use super::super::student::Student;
use super::sensitivity::token_weights;

/// Tokens that go through the graph at once.
const BATCH_TOKENS: usize = 2_048;

/// Every so many drawn rows one is held out of the fit.
const HOLD_OUT_EVERY: usize = 8;

/// Rows of one length.
pub(super) struct Walk {
    /// Whether the fit may not see them.
    pub(super) held_out: bool,
    /// How much each token counts in each block, `[block][tokens]`; `None` where all count alike.
    weights: Option<Vec<Vec<f32>>>,
    teacher: Tensor,
    student: Tensor,
}

/// One block's least-squares problem on one batch.
pub(super) struct Problem {
    /// The kept units, `[tokens, kept * span]`.
    pub(super) inputs: Tensor,
    /// What the projection should give, `[tokens, out]`.
    pub(super) target: Tensor,
    /// How much each token counts, `[tokens, 1]`; `None` where all count alike.
    pub(super) weights: Option<Tensor>,
    residual: Tensor,
    teacher_next: Tensor,
}

/// All calibration rows before the first block.
///
/// # Errors
/// When the graph fails.
pub(super) fn set_out(
    prepared: &Prepared,
    tokens: TokenWeights,
) -> std::result::Result<Vec<Walk>, Failure> {
    let model = prepared.model.as_ref();
    let rows = prepared.calibration.examples.len();
    let (held_out, fitted): (Vec<usize>, Vec<usize>) =
        (0..rows).partition(|row| row % HOLD_OUT_EVERY == HOLD_OUT_EVERY - 1);
    let mut batches = prepared.calibration.batches_of(&fitted, BATCH_TOKENS)?;
    let of_fit = batches.len();
    batches.extend(prepared.calibration.batches_of(&held_out, BATCH_TOKENS)?);
    let weights = match tokens {
        TokenWeights::Sensitivity => token_weights(model, &batches)?,
        TokenWeights::Uniform => None,
    };
    let mut weights = weights.map(Vec::into_iter);
    let walks = batches.iter().enumerate().map(|(index, batch)| {
        let hidden = model.stem(batch)?;
        Ok(Walk {
            held_out: index >= of_fit,
            weights: weights.as_mut().and_then(Iterator::next),
            teacher: hidden.clone(),
            student: hidden,
        })
    });
    walks.collect()
}

impl Walk {
    /// The problem of the next block.
    pub(super) fn pose(&self, student: &Student<'_>, block: usize) -> Result<Problem> {
        let model = student.model;
        let units = model.units(block, &self.teacher)?;
        let sum = (model.project(block, &units)? + model.residual(block, &self.teacher)?)?;
        let residual = model.residual(block, &self.student)?;
        let target = (&sum - &residual)?.flatten(0, 1)?;
        let weights = self.weights.as_ref().map(|weights| {
            let shape = (weights[block].len(), 1);
            Tensor::from_slice(&weights[block], shape, target.device())
        });
        Ok(Problem {
            inputs: student.units(block, &self.student)?.flatten(0, 1)?,
            target,
            weights: weights.transpose()?,
            residual,
            teacher_next: model.finish(block, &sum)?,
        })
    }

    /// Goes on to the next block: the teacher's output and the student's.
    pub(super) fn step(&mut self, problem: Problem, student: Tensor) {
        (self.teacher, self.student) = (problem.teacher_next, student);
    }
}

impl Problem {
    /// The student's output.
    pub(super) fn output(&self, student: &Student<'_>, block: usize) -> Result<Tensor> {
        let projected = student.projection(block).forward(&self.inputs)?;
        student.model.finish(
            block,
            &(projected.reshape(self.residual.shape())? + &self.residual)?,
        )
    }
}
