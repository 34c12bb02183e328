//! A few scoring rows of one length, and the derivatives of the answers and of the probes on these rows.

use std::ops::Range;

use candle_core::{D, Result, Tensor};

use super::per_unit::{PerUnit, add_rows, lowest, zeros};
use super::probe::{Probes, Rows};
use crate::answer::task::Form;
use crate::model::batch::Batch;
use crate::model::trace::Trace;
use crate::prune::recipe::FeatureTerm;
use crate::prune::score::directions::Directions;
use crate::prune::score::manifold::lengths;
use crate::prune::score::teacher::{STACKED_POSITIONS, Teacher};

/// Maximum number of positions whose activations a lane keeps for a backward pass.
pub const TRACED_POSITIONS: usize = 512;

/// A few scoring rows of one length.
pub(super) struct Piece {
    rows: Batch,
    /// Index of the batch that holds the rows.
    batch: usize,
    /// The rows within the batch.
    within: Range<usize>,
    /// Index of the first row among all scoring rows.
    first: usize,
}

/// Splits all scoring rows into pieces.
pub(super) fn pieces(teacher: &Teacher<'_>) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut before = 0;
    for (batch, rows) in teacher.batches.iter().enumerate() {
        let parts = rows.parts(TRACED_POSITIONS)?.into_iter();
        pieces.extend(parts.map(|(first, rows)| Piece {
            batch,
            within: first..first + rows.len(),
            first: before + first,
            rows,
        }));
        before += rows.len();
    }
    Ok(pieces)
}

impl Piece {
    /// Records a forward pass.
    pub(super) fn trace<'a>(&self, teacher: &Teacher<'a>, wanted: &[bool]) -> Result<Trace<'a>> {
        let model = teacher.model;
        Trace::follow(
            model,
            teacher.scored.head,
            &self.rows,
            lowest(model, wanted)?,
        )
    }

    /// Returns the number of copies of these rows that fit into one stack.
    fn copies(&self) -> usize {
        (STACKED_POSITIONS / (self.rows.len() * self.rows.length()).max(1)).max(1)
    }

    /// Returns for each probe and wanted unit the sum over these rows of the squared derivative of the probe.
    pub(super) fn squares(
        &self,
        teacher: &Teacher<'_>,
        trace: &Trace<'_>,
        probes: &Probes,
        wanted: &[bool],
    ) -> Result<Vec<PerUnit>> {
        let range = &probes.range;
        let mut totals = vec![zeros(teacher, wanted); range.len()];
        for first in range.clone().step_by(self.copies()) {
            let some = first..range.end.min(first + self.copies());
            let totals = &mut totals[first - range.start..];
            let probes = Probes {
                range: some.clone(),
                ..*probes
            };
            trace.pull(
                |block| self.enter(teacher, trace, &probes, block),
                wanted,
                |group, derivatives| {
                    // Rows are independent of each other, so each derivative belongs to one row.
                    let copies = derivatives.chunks_exact(derivatives.len() / some.len());
                    for (totals, rows) in totals.iter_mut().zip(copies) {
                        add_rows(&mut totals[group], rows, |value| value * value);
                    }
                    Ok(())
                },
            )?;
        }
        Ok(totals)
    }

    /// Returns the cotangents of some probes on a block's feature. A cotangent `c` on a normalized vector `f = F / |F|` is
    /// `(c - <c, f> f) / |F|` on `F`.
    fn enter(
        &self,
        teacher: &Teacher<'_>,
        trace: &Trace<'_>,
        probes: &Probes,
        block: usize,
    ) -> Result<Option<Tensor>> {
        let (Some(feature), Some(own)) = (&teacher.features[block], trace.feature(block)) else {
            return Ok(None);
        };
        let sample = feature.samples[self.batch].of_rows(&self.within);
        if probes.term == FeatureTerm::Pairs && sample.each() < 2 {
            // There are no pairs.
            return Ok(None);
        }
        let vectors =
            feature.vectors[self.batch].narrow(0, self.within.start, self.within.len())?;
        let rows = Rows {
            block,
            first: self.first,
            vectors: &vectors,
        };
        let cotangent = probes.cotangent(&rows)?;
        let copies = (probes.range.len(), 1, 1);
        let lengths = lengths(&sample.select(own)?)?.repeat(copies)?;
        let vectors = vectors.repeat(copies)?;
        let along = (&cotangent * &vectors)?.sum_keepdim(D::Minus1)?;
        let across = (cotangent - vectors.broadcast_mul(&along)?)?;
        sample.spread(&across.broadcast_div(&lengths)?).map(Some)
    }

    /// Returns the sum of the quadratic forms of these rows for each wanted unit.
    pub(super) fn answers(
        &self,
        teacher: &Teacher<'_>,
        trace: &Trace<'_>,
        form: Form,
        wanted: &[bool],
    ) -> Result<PerUnit> {
        let mut totals = zeros(teacher, wanted);
        let rows = &self.rows.rows;
        let directions = Directions::at(teacher.divergence(), trace.answers(), rows, form)?;
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
