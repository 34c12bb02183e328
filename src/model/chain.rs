//! What every graph shows to the method: a stem, a chain of blocks, a head.
//!
//! A block is a sublayer with exactly one group of units between two linear maps:
//!
//! ```text
//! hidden -> units [rows, length, width * span] -> (mask) -> projection -> + residual -> finish -> hidden'
//! ```
//!
//! The seam at the units is what makes pruning cheap and exact: taking unit `j` out changes the
//! projection by `- units_j W_j` (rank one for a neuron), and re-solving the projection is a linear
//! least-squares problem whose inputs are the units. Where an architecture has steps without units
//! (merging patches, pooling), they belong to the `finish` of the block before them.

use candle_core::{Result, Tensor};

use super::batch::{Batch, Reads};
use super::cost::Cost;
use super::differentiable::Differentiable;
use super::export::Export;
use super::mask::Masks;
use super::nn::linear::Linear;
use super::unit::UnitGroup;
use crate::checkpoint::config::Problem;

/// A graph whose units can be taken out.
pub trait PrunableModel: Send + Sync {
    /// The units; group `b` belongs to block `b`.
    fn groups(&self) -> &[UnitGroup];

    /// Whether the output of this block is a feature of the trajectory (the end of a layer).
    fn is_feature(&self, block: usize) -> bool;

    /// What the head answers.
    fn problem(&self) -> &Problem;

    /// Which rows it can read.
    fn reads(&self) -> Reads;

    /// MACs of one row of this (mean) length.
    fn cost(&self, length: f64) -> Cost;

    /// What the folder of the cut model holds besides its weights.
    fn export(&self, masks: &Masks) -> Export;

    /// Input to the first block, `[rows, length, hidden]`.
    ///
    /// # Errors
    /// When the batch does not fit the graph.
    fn stem(&self, batch: &Batch) -> Result<Tensor>;

    /// The block's activations, `[rows, length, width * span]`, before any mask.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn units(&self, block: usize, hidden: &Tensor) -> Result<Tensor>;

    /// The linear map that consumes the units, of weight `[out, width * span]` and bias `[out]`.
    fn projection(&self, block: usize) -> &Linear;

    /// The projection of (masked) units, `[rows, length, out]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn project(&self, block: usize, units: &Tensor) -> Result<Tensor> {
        self.projection(block).forward(units)
    }

    /// What is added to the projection, same shape as it.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn residual(&self, block: usize, hidden: &Tensor) -> Result<Tensor>;

    /// From the sum of projection and residual to the next block's input.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn finish(&self, block: usize, sum: &Tensor) -> Result<Tensor>;

    /// From (masked) units and the block's input to the next block's input, through this projection:
    /// the model's own, or one that was cut or repaired. An architecture may do in one step what is
    /// written here in three.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn close(
        &self,
        block: usize,
        projection: &Linear,
        units: &Tensor,
        hidden: &Tensor,
    ) -> Result<Tensor> {
        let sum = (projection.forward(units)? + self.residual(block, hidden)?)?;
        self.finish(block, &sum)
    }

    /// Logits, `[rows, classes]` (one column for regression).
    ///
    /// # Errors
    /// When shapes do not fit.
    fn head(&self, hidden: &Tensor) -> Result<Tensor>;

    /// The way back through the graph, where the architecture has one.
    fn differentiable(&self) -> Option<&dyn Differentiable> {
        None
    }

    /// One block, with some of its units masked.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn block(&self, block: usize, hidden: &Tensor, masks: &Masks) -> Result<Tensor> {
        let units = self.units(block, hidden)?;
        let masked = match masks.factor(block, self.groups()[block].span, units.device())? {
            Some(factor) => units.broadcast_mul(&factor)?,
            None => units,
        };
        self.close(block, self.projection(block), &masked, hidden)
    }

    /// The whole model.
    ///
    /// # Errors
    /// When the batch does not fit the graph.
    fn forward(&self, batch: &Batch, masks: &Masks) -> Result<Tensor> {
        let mut hidden = self.stem(batch)?;
        for block in 0..self.groups().len() {
            hidden = self.block(block, &hidden, masks)?;
        }
        self.head(&hidden)
    }
}
