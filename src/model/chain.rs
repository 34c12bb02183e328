//! The interface of every graph: a stem, a chain of blocks, a head.
//!
//! A block is a sublayer with exactly one group of units between two linear maps:
//!
//! ```text
//! hidden -> units [rows, length, width * span] -> (mask) -> projection -> + residual -> finish -> hidden'
//! ```
//!
//! Access to the units between the two maps makes pruning cheap and exact. Removing unit `j` changes the
//! output of the projection by `- units_j W_j` (rank one for a neuron). Fitting the projection again is a
//! linear least-squares problem whose inputs are the units. If an architecture has steps without units
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

/// A graph whose units can be removed.
pub trait PrunableModel: Send + Sync {
    /// Returns the groups of units. Group `b` belongs to block `b`.
    fn groups(&self) -> &[UnitGroup];

    /// Whether the output of this block is a feature of the trajectory (the end of a layer).
    fn is_feature(&self, block: usize) -> bool;

    /// Returns the kind of problem that the head solves.
    fn problem(&self) -> &Problem;

    /// Returns the limits of the rows that the model can read.
    fn reads(&self) -> Reads;

    /// Returns the MACs of one row of this (mean) length.
    fn cost(&self, length: f64) -> Cost;

    /// Returns the configuration and companion files of the pruned model.
    fn export(&self, masks: &Masks) -> Export;

    /// Returns the input of the first block, `[rows, length, hidden]`.
    ///
    /// # Errors
    /// Returns an error if the batch does not match the graph.
    fn stem(&self, batch: &Batch) -> Result<Tensor>;

    /// Returns the block's activations, `[rows, length, width * span]`, before any mask.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn units(&self, block: usize, hidden: &Tensor) -> Result<Tensor>;

    /// Returns the linear map that consumes the units, with weight `[out, width * span]` and bias `[out]`.
    fn projection(&self, block: usize) -> &Linear;

    /// Returns the projection of (masked) units, `[rows, length, out]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn project(&self, block: usize, units: &Tensor) -> Result<Tensor> {
        self.projection(block).forward(units)
    }

    /// Returns the tensor that is added to the projection's output. It has the same shape.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn residual(&self, block: usize, hidden: &Tensor) -> Result<Tensor>;

    /// Computes the next block's input from the sum of projection and residual.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn finish(&self, block: usize, sum: &Tensor) -> Result<Tensor>;

    /// Computes the next block's input from (masked) units and the block's input, with this projection:
    /// the model's own one, or one that was pruned or repaired. An architecture may override these three
    /// steps with a single fused step.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
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

    /// Returns the logits, `[rows, classes]` (one column for regression).
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn head(&self, hidden: &Tensor) -> Result<Tensor>;

    /// Returns the backward pass of the graph, or `None` if the architecture has none.
    fn differentiable(&self) -> Option<&dyn Differentiable> {
        None
    }

    /// Runs one block with some of its units masked.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn block(&self, block: usize, hidden: &Tensor, masks: &Masks) -> Result<Tensor> {
        let units = self.units(block, hidden)?;
        let masked = match masks.factor(block, self.groups()[block].span, units.device())? {
            Some(factor) => units.broadcast_mul(&factor)?,
            None => units,
        };
        self.close(block, self.projection(block), &masked, hidden)
    }

    /// Runs the whole model and returns the logits.
    ///
    /// # Errors
    /// Returns an error if the batch does not match the graph.
    fn forward(&self, batch: &Batch, masks: &Masks) -> Result<Tensor> {
        let mut hidden = self.stem(batch)?;
        for block in 0..self.groups().len() {
            hidden = self.block(block, &hidden, masks)?;
        }
        self.head(&hidden)
    }
}
