//! One forward over some rows that remembers its way back.

use candle_core::{Result, Tensor};

use crate::model::PrunableModel;
use crate::model::batch::Batch;
use crate::model::differentiable::Differentiable;
use crate::model::nn::traced::Traced;
use crate::model::nn::units::mask_derivative;

/// All values and pullbacks of a forward.
pub(super) struct Trace<'a> {
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
    /// Runs the unpruned model.
    pub(super) fn follow(
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

    /// Output of a block, `[rows, length, hidden]`.
    pub(super) fn output(&self, block: usize) -> &Tensor {
        &self.blocks[block].finish.value
    }

    /// `[rows, classes]`.
    pub(super) fn logits(&self) -> &Tensor {
        &self.head.value
    }

    /// From a cotangent on the logits to one on the last hidden state.
    pub(super) fn pull_head(&self, cotangent: Tensor) -> Result<Tensor> {
        (self.head.pull)(cotangent)
    }

    /// Goes back from the last block to `lowest`. `enter` gives what a probe puts onto a block's
    /// output, `[copies * rows, length, hidden]`; `visit` hears the derivatives by the masks of each
    /// wanted block, `[copies * rows, width]`.
    pub(super) fn pull(
        &self,
        wanted: &[bool],
        lowest: usize,
        enter: impl Fn(usize) -> Result<Option<Tensor>>,
        mut visit: impl FnMut(usize, &[f32]),
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
            let group = &self.model.groups()[index];
            if wanted[index] && group.width > 0 {
                let derivative = mask_derivative(&block.units.value, &units, group.span)?;
                visit(index, &derivative);
            }
            if index > lowest {
                let through = (block.units.pull)(units)?;
                below = Some((through + (block.residual.pull)(sum)?)?);
            }
        }
        Ok(())
    }
}
