//! Hidden states of the calibration rows in both models, advanced block by block.
//!
//! If the states of all rows before a block exceed a budget, they are not kept. They are then computed again from the last
//! kept ones, or from the rows themselves, whenever a block needs them.

use candle_core::{Result, Tensor};

use super::super::failure::Failure;
use super::super::journal::Journal;
use super::super::lanes;
use super::super::prepare::Prepared;
use super::super::recipe::{PositionWeights, Recipe};
use super::super::student::Student;
use super::places::Places;
use super::sensitivity::position_weights_once;
use crate::data::dataset::Batches;
use crate::model::chain::Model;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::mask::Masks;

/// Maximum number of positions in one forward pass.
pub const BATCH_POSITIONS: usize = 2_048;

/// Number of batches per lane whose activations are in memory at the same time.
pub const AT_ONCE: usize = 4;

/// Maximum size of the kept hidden states of all rows in both models, in bytes.
pub const KEPT_BYTES: usize = 1 << 30;

/// One of this number of sampled rows is held out of the fit.
const HOLD_OUT_INTERVAL: usize = 8;

/// The rows of a repair, and the blocks before which their hidden states are kept.
pub(super) struct Walks<'a> {
    /// The rows.
    pub(super) all: Vec<Walk<'a>>,
    /// Whether the states before each block are kept. One entry more than there are blocks.
    pub(super) kept: Vec<bool>,
}

/// The hidden states of rows of one length in both models, after some of the completed blocks.
pub(super) struct Walk<'a> {
    batches: &'a Batches<'a>,
    /// Index of the batch.
    index: usize,
    /// Use of these rows.
    pub(super) part: Part,
    places: Places,
    /// Weight of each sampled position in each block, `[block][positions]`. `None` if all positions have the same weight.
    weights: Option<Vec<Vec<f32>>>,
    /// The last kept states.
    kept: Option<Kept>,
    /// Whether the kept state of the original is already that after the block.
    is_ahead: bool,
}

/// Hidden states before a block.
struct Kept {
    block: usize,
    states: States,
}

/// Hidden states of the same rows in both models.
#[derive(Clone)]
struct States {
    teacher: Hidden,
    student: Hidden,
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
    /// The columns of the kept units, `[positions, columns]`.
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

/// Divides the calibration rows into batches. Returns them with the number of those that are fitted. The others are held
/// out.
pub(super) fn divide(prepared: &Prepared) -> (Batches<'_>, usize) {
    let data = &prepared.calibration;
    let (held_out, fitted): (Vec<usize>, Vec<usize>) =
        (0..data.len()).partition(|row| row % HOLD_OUT_INTERVAL == HOLD_OUT_INTERVAL - 1);
    let batches = data.batches_of(&fitted, BATCH_POSITIONS);
    let of_fit = batches.len();
    (
        batches.chain(data.batches_of(&held_out, BATCH_POSITIONS)),
        of_fit,
    )
}

impl<'a> Walks<'a> {
    /// Begins before the first block. `of_fit` batches are fitted.
    ///
    /// # Errors
    /// Returns an error if the graph fails.
    pub(super) fn start(
        prepared: &Prepared,
        (batches, of_fit): (&'a Batches<'a>, usize),
        recipe: &Recipe,
        journal: &dyn Journal,
        budget: usize,
    ) -> std::result::Result<Self, Failure> {
        let model = prepared.original();
        let places = Places::new(&model.reads, recipe.calibration.seed);
        // With too few rows to hold some out, the fit is evaluated on its own rows.
        let none_held_out = of_fit == batches.len();
        let method = recipe.method.for_model(&model.reads);
        let weights = match method.position_weights {
            PositionWeights::Sensitivity => {
                position_weights_once(prepared, batches, places, journal)?
            }
            PositionWeights::Auto | PositionWeights::Uniform => None,
        };
        let mut weights = weights.map(Vec::into_iter);
        let mut all: Vec<Walk<'a>> = (0..batches.len())
            .map(|index| Walk {
                batches,
                index,
                part: Part {
                    fits: index < of_fit,
                    judges: index >= of_fit || none_held_out,
                },
                places,
                weights: weights.as_mut().and_then(Iterator::next),
                kept: None,
                is_ahead: false,
            })
            .collect();
        let kept = kept(model, batches, budget)?;
        if kept[0] {
            let states = lanes::run(all.len(), |index| all[index].first(model))?;
            for (walk, states) in all.iter_mut().zip(states) {
                walk.kept = Some(Kept { block: 0, states });
            }
        }
        Ok(Self { all, kept })
    }

    /// Advances both models by a block, if the states after it are kept.
    ///
    /// # Errors
    /// Returns an error if the graph fails.
    pub(super) fn advance(
        &mut self,
        original: &Model,
        student: &Student<'_>,
        block: usize,
    ) -> std::result::Result<(), Failure> {
        if !self.kept[block + 1] {
            return Ok(());
        }
        let states = lanes::run(self.all.len(), |index| {
            self.all[index].after(original, student, block)
        })?;
        for (walk, states) in self.all.iter_mut().zip(states) {
            walk.is_ahead = false;
            walk.kept = Some(Kept {
                block: block + 1,
                states,
            });
        }
        Ok(())
    }
}

/// Returns whether the states before each block, and after the last one, are within the budget.
fn kept(
    model: &Model,
    batches: &Batches<'_>,
    budget: usize,
) -> std::result::Result<Vec<bool>, Failure> {
    let (full, mut of_blocks) = (Masks::full(&model.groups), vec![0; model.blocks.len() + 1]);
    if batches.is_empty() {
        return Ok(vec![true; of_blocks.len()]);
    }
    let extents = |batch: usize| model.extents(&batches.extent(batch));
    for batch in 0..batches.len() {
        for (positions, extent) in of_blocks.iter_mut().zip(extents(batch)) {
            *positions += extent.positions();
        }
    }
    let mut hidden = model.stem.forward(&batches.load(0)?)?;
    let mut kept = Vec::with_capacity(of_blocks.len());
    for (block, extent) in extents(0).iter().enumerate() {
        let bytes = 2 * hidden.bytes() * of_blocks[block] / extent.positions().max(1);
        kept.push(bytes <= budget);
        if block < model.blocks.len() {
            hidden = model.block(block, &hidden, &full)?;
        }
    }
    Ok(kept)
}

impl Walk<'_> {
    /// Returns the least-squares problem of the next block. If a position of the student stands for several, its target is
    /// their mean. Also returns the original's state after the block if `advances`, and if the states before it are kept.
    pub(super) fn pose(
        &self,
        original: &Model,
        student: &Student<'_>,
        block: usize,
        advances: bool,
    ) -> std::result::Result<(Problem, Option<Hidden>), Failure> {
        let states = self.before(original, student, block)?;
        let own = &original.blocks[block];
        let units = own.units.forward(&states.teacher)?;
        let sum = own.sum(&own.projection.affine, &units, &states.teacher)?;
        let problem = self.problem(student, block, &states.student, &sum)?;
        let next = match &self.kept {
            Some(kept) if advances && kept.block == block => Some(own.finish.forward(&sum)?),
            _ => None,
        };
        Ok((problem, next))
    }

    /// Returns the problem of fitting the student's block to the original's sum.
    fn problem(
        &self,
        student: &Student<'_>,
        block: usize,
        input: &Hidden,
        sum: &Hidden,
    ) -> Result<Problem> {
        let (rows, positions, _) = sum.stream.dims3()?;
        let sample = self.places.of(self.index, block, rows, positions);
        let (units, affine) = (student.units(block, input)?, student.projection(block));
        let target = units.averaged(&sum.stream)?;
        let target = match student.model.blocks[block].residual(input)? {
            Some(residual) => (target - &residual)?,
            None => target,
        };
        let weights = self.weights.as_ref().map(|weights| {
            let shape = (rows, sample.each(), 1);
            let weights = Tensor::from_slice(&weights[block], shape, target.device());
            units.summed(&weights?)?.flatten(0, 1)
        });
        Ok(Problem {
            inputs: match sample.places(1) {
                Some(places) => affine.columns_at(&units, &places)?,
                None => affine.columns(&units)?.flatten(0, 1)?,
            },
            target: sample.select(&target)?.flatten(0, 1)?,
            weights: weights.transpose()?,
        })
    }

    /// Replaces the kept state of the original by that after the current block. The student follows.
    pub(super) fn lead(&mut self, teacher: Option<Hidden>) {
        if let (Some(kept), Some(teacher)) = (&mut self.kept, teacher) {
            kept.states.teacher = teacher;
            self.is_ahead = true;
        }
    }

    /// Returns the states before the first block. Merging begins after the stem, so both models have the same ones.
    fn first(&self, original: &Model) -> std::result::Result<States, Failure> {
        let hidden = original.stem.forward(&self.batches.load(self.index)?)?;
        Ok(States {
            teacher: hidden.clone(),
            student: hidden,
        })
    }

    /// Returns the states before a block.
    fn before(
        &self,
        original: &Model,
        student: &Student<'_>,
        block: usize,
    ) -> std::result::Result<States, Failure> {
        let (first, mut states) = match &self.kept {
            Some(kept) => (kept.block, kept.states.clone()),
            None => (0, self.first(original)?),
        };
        let full = Masks::full(&original.groups);
        for earlier in first..block {
            states = States {
                teacher: original.block(earlier, &states.teacher, &full)?,
                student: student.block(earlier, &states.student)?,
            };
        }
        Ok(states)
    }

    /// Returns the states after the current block.
    fn after(
        &self,
        original: &Model,
        student: &Student<'_>,
        block: usize,
    ) -> std::result::Result<States, Failure> {
        match &self.kept {
            Some(kept) if self.is_ahead => Ok(States {
                teacher: kept.states.teacher.clone(),
                student: student.block(block, &kept.states.student)?,
            }),
            _ => self.before(original, student, block + 1),
        }
    }
}
