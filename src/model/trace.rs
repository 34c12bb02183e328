//! A forward pass over some rows, recorded for backward passes.

use std::borrow::Cow;
use std::ops::Range;

use candle_core::{Result, Tensor};

use super::batch::Batch;
use super::block::TracedBlock;
use super::chain::Model;
use super::hidden::Hidden;
use super::layer::sequence::Sequence;
use super::layer::{Layer, Pulled};
use super::mask::Masks;
use super::nn::traced::Traced;
use super::nn::units::mask_derivative;

/// The values and pullbacks of a forward pass.
pub struct Trace<'a> {
    model: &'a Model,
    /// First recorded block.
    lowest: usize,
    blocks: Vec<TracedBlock>,
    head: Traced<Hidden>,
}

impl<'a> Trace<'a> {
    /// Runs the unpruned model, with this head, and records the pass from the block `lowest` on.
    ///
    /// # Errors
    /// Returns an error if the batch does not match the graph, or if `lowest` is below
    /// [`Model::first_traceable`].
    pub fn follow(model: &'a Model, head: &Sequence, batch: &Batch, lowest: usize) -> Result<Self> {
        let full = Masks::full(&model.groups);
        let mut hidden = model.start(batch)?;
        for block in 0..lowest {
            hidden = model.block(block, &hidden, &full)?;
        }
        let mut blocks = Vec::with_capacity(model.blocks.len() - lowest);
        for block in &model.blocks[lowest..] {
            let traced = block.traced(&hidden, !blocks.is_empty())?;
            hidden = traced.finish.value.clone();
            blocks.push(traced);
        }
        Ok(Self {
            model,
            lowest,
            blocks,
            head: head.traced(&hidden)?,
        })
    }

    /// Returns the feature of a recorded block, `[rows, positions, channels]`. `None` if its output is not a feature.
    #[must_use]
    pub fn feature(&self, block: usize) -> Option<&Tensor> {
        let feature = self.blocks[block - self.lowest].feature.as_ref();
        feature.map(|feature| &feature.value.stream)
    }

    /// Returns the answers, `[rows, positions, outputs]`.
    #[must_use]
    pub fn answers(&self) -> &Hidden {
        &self.head.value
    }

    /// Runs the backward pass from the last block to the first recorded one, and differentiates the masks of the wanted
    /// groups.
    ///
    /// `enter` returns the cotangent that enters at the feature of a block, `[copies * rows, positions, channels]`.
    /// `visit` receives a group and the derivatives with respect to its masks, `[copies * rows, width]`, row-major.
    ///
    /// # Errors
    /// Returns the error of `enter` or `visit`, or an error if shapes do not match.
    pub fn pull(
        &self,
        enter: impl Fn(usize) -> Result<Option<Tensor>>,
        wanted: &[bool],
        visit: impl FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        self.pull_from(None, enter, wanted, visit, |_, _| Ok(()))
    }

    /// Runs the backward pass from a cotangent on the answers.
    ///
    /// # Errors
    /// See [`pull`](Self::pull).
    pub fn pull_answers(
        &self,
        cotangent: Hidden,
        wanted: &[bool],
        visit: impl FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let start = (self.head.pull)(cotangent)?;
        self.pull_from(Some(start), |_| Ok(None), wanted, visit, |_, _| Ok(()))
    }

    /// Runs the backward pass from a cotangent on the answers. `visit` receives the cotangent on the sum of each block,
    /// `[copies * rows, positions, out]`.
    ///
    /// # Errors
    /// Returns the error of `visit`, or an error if shapes do not match.
    pub fn pull_answers_to_sums(
        &self,
        cotangent: Hidden,
        visit: impl FnMut(usize, &Tensor) -> Result<()>,
    ) -> Result<()> {
        let start = (self.head.pull)(cotangent)?;
        let none = vec![false; self.model.groups.len()];
        self.pull_from(Some(start), |_| Ok(None), &none, |_, _| Ok(()), visit)
    }

    fn pull_from(
        &self,
        mut below: Option<Hidden>,
        enter: impl Fn(usize) -> Result<Option<Tensor>>,
        wanted: &[bool],
        mut visit: impl FnMut(usize, &[f32]) -> Result<()>,
        mut visit_sum: impl FnMut(usize, &Tensor) -> Result<()>,
    ) -> Result<()> {
        for (place, block) in self.blocks.iter().enumerate().rev() {
            let index = self.lowest + place;
            let entering = match (&block.feature, enter(index)?) {
                (Some(feature), Some(stream)) => {
                    let cotangent = Hidden::new(stream, feature.value.layout);
                    Some((feature.pull)(cotangent)?)
                }
                _ => None,
            };
            let here = match (below.take(), entering) {
                (Some(below), Some(entering)) => below.plus(entering)?,
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => continue,
            };
            let on_sum = (block.finish.pull)(here)?;
            visit_sum(index, &on_sum.stream)?;
            let groups = self.model.groups_at(index).into_iter();
            let (columns, inside): (Vec<usize>, Vec<usize>) = groups
                .filter(|&group| wanted[group])
                .partition(|&group| self.model.groups[group].is_columns());
            if place == 0 && columns.is_empty() && inside.is_empty() {
                continue;
            }
            let layers = &self.model.blocks[index];
            let before = block.units.value.layout;
            let units = layers.projection.affine.pull(&on_sum.stream, before)?;
            for group in columns {
                visit(group, &self.derivatives(group, block, &units)?)?;
            }
            if place == 0 && inside.is_empty() {
                continue;
            }
            let on_units = on_sum.arranged(units, before);
            let Pulled { input, inner } = (block.units.pull)(on_units)?;
            let channels = layers.units.inner_channels();
            for group in inside {
                let Some(inner) = &inner else {
                    candle_core::bail!("a group of inner channels is in a block without any");
                };
                let own = self.model.groups[group].all_channels();
                visit(group, &narrowed(inner, channels, own))?;
            }
            if place > 0 {
                below = Some(match &block.residual {
                    Some(residual) => {
                        let cotangent = Hidden::new(on_sum.stream, residual.value.layout);
                        input.plus((residual.pull)(cotangent)?)?
                    }
                    None => input,
                });
            }
        }
        Ok(())
    }

    /// Returns the derivatives with respect to the masks of a group of columns, `[copies * rows, width]`, row-major,
    /// from a cotangent on the units of its block.
    fn derivatives(&self, group: usize, block: &TracedBlock, units: &Tensor) -> Result<Vec<f32>> {
        let group = &self.model.groups[group];
        let activations = &block.units.value.stream;
        let own = group.all_channels();
        if own.len() == activations.dim(2)? {
            return mask_derivative(activations, units, group.seat.span);
        }
        let narrow = |tensor: &Tensor| tensor.narrow(2, own.start, own.len())?.contiguous();
        mask_derivative(&narrow(activations)?, &narrow(units)?, group.seat.span)
    }
}

/// Returns some columns of rows of `width` numbers.
fn narrowed(rows: &[f32], width: usize, columns: Range<usize>) -> Cow<'_, [f32]> {
    if columns.len() == width {
        return Cow::Borrowed(rows);
    }
    let rows = rows.chunks_exact(width.max(1));
    rows.flat_map(|row| row[columns.clone()].to_vec()).collect()
}
