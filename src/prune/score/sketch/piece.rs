//! A few scoring rows of one length, and the derivatives of the probes on these rows.

use candle_core::{Result, Tensor};

use super::logits::Form;
use super::per_unit::{PerUnit, add_rows, lowest, zeros};
use super::probe::Probes;
use super::trace::Trace;
use crate::model::batch::Batch;
use crate::model::differentiable::Differentiable;
use crate::prune::score::teacher::{STACKED_TOKENS, Teacher};

/// Maximum number of tokens whose activations a lane keeps for a backward pass.
pub const TRACED_TOKENS: usize = 512;

/// A few scoring rows of one length.
pub(super) struct Piece {
    batch: Batch,
    /// Positions of the sampled tokens, in `[rows * length]`.
    positions: Vec<usize>,
    /// Index of the first of them among all sampled tokens.
    first_sample: usize,
}

/// Splits all scoring rows into pieces.
pub(super) fn pieces(teacher: &Teacher<'_>) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut first_sample = 0;
    for (batch, sample) in teacher.batches.iter().zip(&teacher.samples) {
        let sample = match sample {
            Some(positions) => positions.to_vec1::<u32>()?,
            None => Vec::new(),
        };
        for (first, part) in batch.parts(TRACED_TOKENS)? {
            let own = first * batch.length()..(first + part.len()) * batch.length();
            let positions = sample.iter().map(|&position| position as usize);
            let positions: Vec<usize> = positions
                .filter(|position| own.contains(position))
                .map(|position| position - own.start)
                .collect();
            first_sample += positions.len();
            pieces.push(Piece {
                batch: part,
                first_sample: first_sample - positions.len(),
                positions,
            });
        }
    }
    Ok(pieces)
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

    /// Returns the number of copies of these rows that fit into one stack.
    fn copies(&self) -> usize {
        (STACKED_TOKENS / (self.batch.len() * self.batch.length()).max(1)).max(1)
    }

    /// Returns the contribution of these rows to the derivative of each probe with respect to each wanted mask.
    pub(super) fn derivatives(
        &self,
        teacher: &Teacher<'_>,
        back: &dyn Differentiable,
        probes: &Probes<'_>,
        wanted: &[bool],
    ) -> Result<Vec<Derivatives>> {
        let nothing = Derivatives {
            whole: zeros(teacher, wanted),
            apart: zeros(teacher, wanted),
        };
        let mut totals = vec![nothing; probes.count];
        if self.positions.is_empty() {
            return Ok(totals);
        }
        let trace = Trace::follow(teacher.model, back, &self.batch)?;
        for first in (0..probes.count).step_by(self.copies()) {
            let count = self.copies().min(probes.count - first);
            trace.pull(
                lowest(wanted)?,
                |block| self.enter(teacher, &trace, probes, block, (first, count)),
                |block, _, units| {
                    if !wanted[block] {
                        return Ok(());
                    }
                    let derivatives = trace.derivatives(block, units)?;
                    let copies = derivatives.chunks_exact(derivatives.len() / count);
                    for (totals, rows) in totals[first..].iter_mut().zip(copies) {
                        add_rows(&mut totals.whole[block], rows, |value| value);
                        add_rows(&mut totals.apart[block], rows, |value| value * value);
                    }
                    Ok(())
                },
            )?;
        }
        Ok(totals)
    }

    /// Returns the cotangents of some probes on a block's output. Each cotangent `c` goes back through the
    /// normalization of its sampled row: `(c - <c, f> f) / ||F||`.
    fn enter(
        &self,
        teacher: &Teacher<'_>,
        trace: &Trace<'_>,
        probes: &Probes<'_>,
        block: usize,
        some: (usize, usize),
    ) -> Result<Option<Tensor>> {
        let rows = (self.first_sample, self.positions.len());
        let Some(feature) = &teacher.features[block] else {
            return Ok(None);
        };
        let unit = feature.narrow(0, rows.0, rows.1)?.to_vec2::<f32>()?;
        let hidden = trace.output(block).flatten(0, 1)?.to_vec2::<f32>()?;
        let width = hidden[0].len();
        let copy_size = hidden.len() * width;
        let mut entering = vec![0.0f32; some.1 * copy_size];
        for copy in 0..some.1 {
            let Some(cotangent) = probes.cotangent(block, some.0 + copy, rows)? else {
                return Ok(None);
            };
            let sampled = cotangent.chunks_exact(width).zip(&unit);
            for ((cotangent, unit), &position) in sampled.zip(&self.positions) {
                let norm: f32 = hidden[position].iter().map(|value| value * value).sum();
                let along: f32 = cotangent.iter().zip(unit).map(|(c, f)| c * f).sum();
                let share = 1.0 / norm.sqrt().max(f32::MIN_POSITIVE);
                let out = &mut entering[copy * copy_size + position * width..][..width];
                for ((out, c), f) in out.iter_mut().zip(cotangent).zip(unit) {
                    *out = (c - along * f) * share;
                }
            }
        }
        let shape = (some.1 * self.batch.len(), self.batch.length(), width);
        Tensor::from_vec(entering, shape, feature.device()).map(Some)
    }

    /// Returns the sum of the quadratic forms of these rows for each wanted unit.
    pub(super) fn logits(
        &self,
        teacher: &Teacher<'_>,
        back: &dyn Differentiable,
        form: &Form<'_>,
        wanted: &[bool],
    ) -> Result<PerUnit> {
        let mut totals = zeros(teacher, wanted);
        let trace = Trace::follow(teacher.model, back, &self.batch)?;
        let directions = form.directions(&trace.logits().to_vec2::<f32>()?, &self.batch.rows);
        let scale = form.scale(directions.len());
        for some in directions.chunks(self.copies()) {
            let values = some.concat();
            let classes = values.len() / (some.len() * self.batch.len());
            let shape = (some.len() * self.batch.len(), classes);
            let cotangent = Tensor::from_vec(values, shape, trace.logits().device())?;
            trace.pull_logits(cotangent, lowest(wanted)?, |block, _, units| {
                if wanted[block] {
                    // Rows are independent of each other, so each derivative belongs to one row.
                    let derivatives = trace.derivatives(block, units)?;
                    add_rows(&mut totals[block], &derivatives, |value| {
                        scale * value * value
                    });
                }
                Ok(())
            })?;
        }
        Ok(totals)
    }
}
