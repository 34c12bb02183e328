//! A few scoring rows of one length, and the derivatives of the probes on these rows.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::per_unit::{PerUnit, add_rows, lowest, zeros};
use super::probe::Probes;
use crate::answer::task::Form;
use crate::model::batch::Batch;
use crate::model::trace::Trace;
use crate::prune::score::directions::Directions;
use crate::prune::score::teacher::{Feature, STACKED_POSITIONS, Teacher};

/// Maximum number of positions whose activations a lane keeps for a backward pass.
pub const TRACED_POSITIONS: usize = 512;

/// A few scoring rows of one length.
pub(super) struct Piece {
    batch: Batch,
    /// Sampled rows of each block's feature. `None` for a block whose output is not a feature.
    samples: Vec<Option<Samples>>,
}

/// Sampled rows of a feature within a piece.
struct Samples {
    /// Their indices in `[rows * positions]` of the piece.
    positions: Vec<usize>,
    /// Index of the first of them among all sampled rows of the feature.
    first: usize,
}

/// Splits all scoring rows into pieces.
pub(super) fn pieces(teacher: &Teacher<'_>) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut firsts = vec![0; teacher.features.len()];
    for (index, batch) in teacher.batches.iter().enumerate() {
        for (first, part) in batch.parts(TRACED_POSITIONS)? {
            let rows = first..first + part.len();
            let features = teacher.features.iter().zip(&mut firsts);
            let samples = features.map(|(feature, first)| match feature {
                Some(feature) => samples(feature, index, &rows, first).map(Some),
                None => Ok(None),
            });
            pieces.push(Piece {
                samples: samples.collect::<Result<_>>()?,
                batch: part,
            });
        }
    }
    Ok(pieces)
}

/// Returns the sampled rows of a feature within some rows of a batch, and advances `first` past them.
fn samples(
    feature: &Feature,
    batch: usize,
    rows: &Range<usize>,
    first: &mut usize,
) -> Result<Samples> {
    let length = feature.positions[batch];
    let own = rows.start * length..rows.end * length;
    let sampled = match &feature.samples[batch] {
        Some(positions) => positions.to_vec1::<u32>()?,
        None => Vec::new(),
    };
    let positions = sampled.iter().map(|&position| position as usize);
    let positions: Vec<usize> = positions
        .filter(|position| own.contains(position))
        .map(|position| position - own.start)
        .collect();
    *first += positions.len();
    Ok(Samples {
        first: *first - positions.len(),
        positions,
    })
}

/// The derivatives of one probe with respect to the masks.
#[derive(Clone)]
pub(super) struct Derivatives {
    /// Sum of the derivatives over the rows.
    pub(super) whole: PerUnit,
    /// Sum of the squared derivatives over the rows.
    pub(super) apart: PerUnit,
}

impl Piece {
    pub(super) fn rows(&self) -> usize {
        self.batch.len()
    }

    /// Whether no sampled row of any feature is in the piece.
    fn is_unsampled(&self) -> bool {
        let mut samples = self.samples.iter().flatten();
        samples.all(|samples| samples.positions.is_empty())
    }

    /// Returns the number of copies of these rows that fit into one stack.
    fn copies(&self) -> usize {
        (STACKED_POSITIONS / (self.batch.len() * self.batch.length()).max(1)).max(1)
    }

    /// Returns the contribution of these rows to the derivative of each probe with respect to each wanted mask.
    pub(super) fn derivatives(
        &self,
        teacher: &Teacher<'_>,
        probes: &Probes<'_>,
        wanted: &[bool],
    ) -> Result<Vec<Derivatives>> {
        let nothing = Derivatives {
            whole: zeros(teacher, wanted),
            apart: zeros(teacher, wanted),
        };
        let mut totals = vec![nothing; probes.count];
        if self.is_unsampled() {
            return Ok(totals);
        }
        let model = teacher.model;
        let trace = Trace::follow(model, &self.batch, lowest(model, wanted)?)?;
        for first in (0..probes.count).step_by(self.copies()) {
            let count = self.copies().min(probes.count - first);
            trace.pull(
                |block| self.enter(teacher, &trace, probes, block, (first, count)),
                wanted,
                |group, derivatives| {
                    let copies = derivatives.chunks_exact(derivatives.len() / count);
                    for (totals, rows) in totals[first..].iter_mut().zip(copies) {
                        add_rows(&mut totals.whole[group], rows, |value| value);
                        add_rows(&mut totals.apart[group], rows, |value| value * value);
                    }
                    Ok(())
                },
            )?;
        }
        Ok(totals)
    }

    /// Returns the cotangents of some probes on a block's feature. Each cotangent `c` goes back through the
    /// normalization of its sampled row: `(c - <c, f> f) / ||F||`.
    fn enter(
        &self,
        teacher: &Teacher<'_>,
        trace: &Trace<'_>,
        probes: &Probes<'_>,
        block: usize,
        some: (usize, usize),
    ) -> Result<Option<Tensor>> {
        let (Some(feature), Some(samples), Some(own)) = (
            &teacher.features[block],
            &self.samples[block],
            trace.feature(block),
        ) else {
            return Ok(None);
        };
        if samples.positions.is_empty() {
            return Ok(None);
        }
        let rows = (samples.first, samples.positions.len());
        let unit = feature.rows.narrow(0, rows.0, rows.1)?.to_vec2::<f32>()?;
        let (count, length, width) = own.dims3()?;
        let hidden = own.flatten(0, 1)?.to_vec2::<f32>()?;
        let copy_size = hidden.len() * width;
        let mut entering = vec![0.0f32; some.1 * copy_size];
        for copy in 0..some.1 {
            let Some(cotangent) = probes.cotangent(block, some.0 + copy, rows)? else {
                return Ok(None);
            };
            let sampled = cotangent.chunks_exact(width).zip(&unit);
            for ((cotangent, unit), &position) in sampled.zip(&samples.positions) {
                let norm: f32 = hidden[position].iter().map(|value| value * value).sum();
                let along: f32 = cotangent.iter().zip(unit).map(|(c, f)| c * f).sum();
                let share = 1.0 / norm.sqrt().max(f32::MIN_POSITIVE);
                let out = &mut entering[copy * copy_size + position * width..][..width];
                for ((out, c), f) in out.iter_mut().zip(cotangent).zip(unit) {
                    *out = (c - along * f) * share;
                }
            }
        }
        let shape = (some.1 * count, length, width);
        Tensor::from_vec(entering, shape, own.device()).map(Some)
    }

    /// Returns the sum of the quadratic forms of these rows for each wanted unit.
    pub(super) fn answers(
        &self,
        teacher: &Teacher<'_>,
        form: Form,
        wanted: &[bool],
    ) -> Result<PerUnit> {
        let mut totals = zeros(teacher, wanted);
        let model = teacher.model;
        let trace = Trace::follow(model, &self.batch, lowest(model, wanted)?)?;
        let directions = Directions::at(teacher.answer, trace.answers(), &self.batch.rows, form)?;
        for first in (0..directions.count()).step_by(self.copies()) {
            let count = self.copies().min(directions.count() - first);
            let cotangent = directions.cotangent(first, count)?;
            trace.pull_answers(cotangent, wanted, |group, derivatives| {
                // Rows are independent of each other, so each derivative belongs to one row.
                add_rows(&mut totals[group], derivatives, |value| {
                    directions.scale * value * value
                });
                Ok(())
            })?;
        }
        Ok(totals)
    }
}
