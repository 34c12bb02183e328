//! A forward pass over some rows, recorded for backward passes.

use std::cell::RefCell;

use candle_core::{Result, Tensor};

use crate::model::PrunableModel;
use crate::model::batch::Batch;
use crate::model::differentiable::Differentiable;
use crate::model::nn::traced::Traced;
use crate::model::nn::units::mask_derivative;

/// The values and pullbacks of a forward pass.
pub(in crate::prune) struct Trace<'a> {
    model: &'a dyn PrunableModel,
    blocks: Vec<Block>,
    head: Traced,
}

struct Block {
    units: Traced,
    residual: Traced,
    finish: Traced,
}

impl<'a> Trace<'a> {
    /// Runs the unpruned model and records the pass.
    pub(in crate::prune) fn follow(
        model: &'a dyn PrunableModel,
        back: &dyn Differentiable,
        batch: &Batch,
    ) -> Result<Self> {
        let mut hidden = model.stem(batch)?;
        let mut blocks = Vec::with_capacity(model.groups().len());
        for block in 0..model.groups().len() {
            let units = back.units_traced(block, &hidden)?;
            let residual = back.residual_traced(block, &hidden)?;
            let sum = (model.project(block, &units.value)? + &residual.value)?;
            let finish = back.finish_traced(block, &sum)?;
            hidden = finish.value.clone();
            blocks.push(Block {
                units,
                residual,
                finish,
            });
        }
        Ok(Self {
            model,
            blocks,
            head: back.head_traced(&hidden)?,
        })
    }

    /// Returns the output of a block, `[rows, length, hidden]`.
    pub(super) fn output(&self, block: usize) -> &Tensor {
        &self.blocks[block].finish.value
    }

    /// Returns the logits, `[rows, classes]`.
    pub(in crate::prune) fn logits(&self) -> &Tensor {
        &self.head.value
    }

    /// Runs the backward pass from the last block to `lowest`.
    ///
    /// `enter` returns the cotangent that enters at a block's output, `[copies * rows, length, hidden]`.
    /// `visit` receives, for each block, the cotangents on its sum, of the same shape, and on its units,
    /// `[copies * rows, length, width * span]`.
    pub(in crate::prune) fn pull(
        &self,
        lowest: usize,
        enter: impl Fn(usize) -> Result<Option<Tensor>>,
        mut visit: impl FnMut(usize, &Tensor, &Tensor) -> Result<()>,
    ) -> Result<()> {
        let mut below: Option<Tensor> = None;
        for (index, block) in self.blocks.iter().enumerate().skip(lowest).rev() {
            let here = match (below.take(), enter(index)?) {
                (Some(below), Some(entering)) => (below + entering)?,
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => continue,
            };
            let sum = (block.finish.pull)(here)?;
            let units = self.model.projection(index).pull(&sum)?;
            visit(index, &sum, &units)?;
            if index > lowest {
                let through = (block.units.pull)(units)?;
                below = Some((through + (block.residual.pull)(sum)?)?);
            }
        }
        Ok(())
    }

    /// Runs the backward pass from a cotangent on the logits, `[copies * rows, classes]`.
    pub(in crate::prune) fn pull_logits(
        &self,
        cotangent: Tensor,
        lowest: usize,
        visit: impl FnMut(usize, &Tensor, &Tensor) -> Result<()>,
    ) -> Result<()> {
        let last = self.blocks.len() - 1;
        // Moved to the last block instead of shared, because a pullback may overwrite its argument.
        let start = RefCell::new(Some((self.head.pull)(cotangent)?));
        let enter = |block| Ok((block == last).then(|| start.take()).flatten());
        self.pull(lowest, enter, visit)
    }

    /// Returns the derivatives with respect to the masks of a block, `[copies * rows, width]`, row-major, from a
    /// cotangent on its units.
    pub(super) fn derivatives(&self, block: usize, units: &Tensor) -> Result<Vec<f32>> {
        let span = self.model.groups()[block].span;
        mask_derivative(&self.blocks[block].units.value, units, span)
    }
}
