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
use super::super::score::sample::Sample;
use super::super::student::Student;
use super::division::Part;
use super::example::{Example, sampled_columns};
use super::kept::kept;
use super::places::Places;
use super::sensitivity::position_weights_once;
use crate::data::dataset::Batches;
use crate::model::chain::Model;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::mask::Masks;

/// Number of batches per lane whose activations are in memory at the same time.
pub const AT_ONCE: usize = 4;

/// Maximum number of positions that the joint fit of two maps sees.
pub const JOINT_POSITIONS: usize = 1 << 17;

/// Maximum size of the inputs and targets of these positions, in bytes.
pub const JOINT_BYTES: usize = 256 << 20;

/// The models that are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// The original and a student.
    Both,
    /// The original alone.
    Original,
}

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
    followed: Followed,
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
    /// `None` if only the original is followed.
    student: Option<Hidden>,
}

impl States {
    /// Returns the state of the student.
    fn of_student(&self) -> &Hidden {
        self.student.as_ref().unwrap_or(&self.teacher)
    }
}

/// What the original computes in a block, and the states before it.
struct Seen {
    states: States,
    units: Hidden,
    sum: Hidden,
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

impl<'a> Walks<'a> {
    /// Begins before the first block. `of_fit` batches are fitted. The original alone is followed on these only.
    ///
    /// # Errors
    /// Returns an error if the graph fails.
    pub(super) fn start(
        prepared: &Prepared,
        (batches, of_fit): (&'a Batches<'a>, usize),
        followed: Followed,
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
        let count = match followed {
            Followed::Both => batches.len(),
            Followed::Original => of_fit,
        };
        let mut all: Vec<Walk<'a>> = (0..count)
            .map(|index| Walk {
                batches,
                index,
                part: Part {
                    fits: index < of_fit,
                    judges: index >= of_fit || none_held_out,
                },
                followed,
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

    /// Returns what the joint fit of the two maps of a block sees: evenly chosen batches of those that are fitted. Returns
    /// nothing if the block has no entry.
    ///
    /// # Errors
    /// Returns an error if the graph fails.
    pub(super) fn examples(
        &self,
        original: &Model,
        student: &Student<'_>,
        block: usize,
    ) -> std::result::Result<Vec<Example>, Failure> {
        let own = &student.model.blocks[block];
        let Some(entry) = own.entry() else {
            return Ok(Vec::new());
        };
        let inputs = entry.map.affine.channels();
        let outputs = own.projection.linear().outputs();
        let fitted = self.all.iter().filter(|walk| walk.part.fits);
        let fitted: Vec<&Walk<'_>> = fitted.collect();
        let (mut positions, mut numbers) = (0, 0);
        for walk in &fitted {
            let batch = walk.batches.extent(walk.index);
            let before = &student.model.extents(&batch)[block];
            let sum = own.sum_extent(before).positions();
            positions += sum;
            numbers += sum * outputs + before.positions() * inputs;
        }
        let most = [
            JOINT_POSITIONS as f64 / positions as f64,
            (JOINT_BYTES / size_of::<f32>()) as f64 / numbers as f64,
        ];
        let share = most.into_iter().fold(1.0, f64::min);
        let wanted = (fitted.len() as f64 * share).ceil() as usize;
        let chosen = (0..wanted).map(|index| fitted[index * fitted.len() / wanted]);
        let chosen: Vec<&Walk<'_>> = chosen.collect();
        lanes::run(chosen.len(), |index| {
            chosen[index].example(original, student, block)
        })
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

/// Returns the target of a student's projection at each position, `[rows, positions, out]`: the original's sum less the
/// student's residual. `like` has the positions of the student. If one of them stands for several, its target is their mean.
fn target(student: &Student<'_>, block: usize, like: &Hidden, seen: &Seen) -> Result<Tensor> {
    let target = like.averaged(&seen.sum.stream)?;
    match student.model.blocks[block].residual(seen.states.of_student())? {
        Some(residual) => target - &residual,
        None => Ok(target),
    }
}

impl Walk<'_> {
    /// Returns the least-squares problem of the next block. Also returns the original's state after the block if `advances`,
    /// and if the states before it are kept.
    pub(super) fn pose(
        &self,
        original: &Model,
        student: &Student<'_>,
        block: usize,
        advances: bool,
    ) -> std::result::Result<(Problem, Option<Hidden>), Failure> {
        let seen = self.see(original, student, block)?;
        let problem = self.problem(student, block, &seen)?;
        let next = match &self.kept {
            Some(kept) if advances && kept.block == block => {
                Some(original.blocks[block].finish.forward(&seen.sum)?)
            }
            _ => None,
        };
        Ok((problem, next))
    }

    /// Returns the problem of fitting the student's block to the original's sum.
    fn problem(&self, student: &Student<'_>, block: usize, seen: &Seen) -> Result<Problem> {
        let sample = self.sample(block, &seen.sum)?;
        let units = match &seen.states.student {
            Some(input) => student.units(block, input)?,
            None => seen.units.clone(),
        };
        let target = target(student, block, &units, seen)?;
        Ok(Problem {
            inputs: sampled_columns(student.projection(block), &units, &sample)?,
            target: sample.select(&target)?.flatten(0, 1)?,
            weights: self.weights(block, &sample, &units)?,
        })
    }

    /// Returns the sampled positions of a block's sum.
    fn sample(&self, block: usize, sum: &Hidden) -> Result<Sample> {
        let (rows, positions, _) = sum.stream.dims3()?;
        Ok(self.places.of(self.index, block, rows, positions))
    }

    /// Returns the weights of the sampled positions of a block, `[positions, 1]`. `units` has the positions of the student.
    fn weights(&self, block: usize, sample: &Sample, units: &Hidden) -> Result<Option<Tensor>> {
        let weights = self.weights.as_ref().map(|weights| {
            let shape = (weights[block].len() / sample.each(), sample.each(), 1);
            let weights = Tensor::from_slice(&weights[block], shape, units.stream.device());
            units.summed(&weights?)?.flatten(0, 1)
        });
        weights.transpose()
    }

    /// Returns what the joint fit of the two maps of a block sees of these rows. The block has an entry.
    fn example(
        &self,
        original: &Model,
        student: &Student<'_>,
        block: usize,
    ) -> std::result::Result<Example, Failure> {
        let layers = &student.model.blocks[block].units;
        let seen = self.see(original, student, block)?;
        let input = layers.before_last(seen.states.of_student())?;
        let sample = self.sample(block, &seen.sum)?;
        Ok(Example {
            target: target(student, block, &input, &seen)?,
            // All positions count equally where only a sample has weights.
            weights: match sample.places(1) {
                Some(_) => None,
                None => self.weights(block, &sample, &input)?,
            },
            input,
            sample,
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
        let hidden = original.start(&self.batches.load(self.index)?)?;
        Ok(States {
            student: (self.followed == Followed::Both).then(|| hidden.clone()),
            teacher: hidden,
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
            let follow = |state: Hidden| student.block(earlier, &state);
            states = States {
                teacher: original.block(earlier, &states.teacher, &full)?,
                student: states.student.map(follow).transpose()?,
            };
        }
        Ok(states)
    }

    /// Returns the states before a block, and what the original computes in it.
    fn see(
        &self,
        original: &Model,
        student: &Student<'_>,
        block: usize,
    ) -> std::result::Result<Seen, Failure> {
        let states = self.before(original, student, block)?;
        let own = &original.blocks[block];
        let units = own.units.forward(&states.teacher)?;
        let sum = own.sum(&own.projection.affine, &units, &states.teacher)?;
        Ok(Seen { states, units, sum })
    }

    /// Returns the states after the current block.
    fn after(
        &self,
        original: &Model,
        student: &Student<'_>,
        block: usize,
    ) -> std::result::Result<States, Failure> {
        match &self.kept {
            Some(kept) if self.is_ahead => {
                let follow = |state: &Hidden| student.block(block, state);
                Ok(States {
                    teacher: kept.states.teacher.clone(),
                    student: kept.states.student.as_ref().map(follow).transpose()?,
                })
            }
            _ => self.before(original, student, block + 1),
        }
    }
}
