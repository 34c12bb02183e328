//! The backward pass of a graph, composed from those of its building blocks.
//!
//! The functions take the same inputs as those of [`PrunableModel`](super::PrunableModel) and return the same values,
//! each with a pullback for the cotangents of several probes together. Only activations are differentiated.

use candle_core::{Result, Tensor};

use super::nn::traced::Traced;

/// A graph with a backward pass. Each function returns the same value as the function of
/// [`PrunableModel`](super::PrunableModel) with the same name without `_traced`.
pub trait Differentiable: Send + Sync {
    /// Returns the block's activations, `[rows, length, width * span]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn units_traced(&self, block: usize, hidden: &Tensor) -> Result<Traced>;

    /// Returns the tensor that is added to the projection's output.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn residual_traced(&self, block: usize, hidden: &Tensor) -> Result<Traced>;

    /// Computes the next block's input from the sum of projection and residual.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn finish_traced(&self, block: usize, sum: &Tensor) -> Result<Traced>;

    /// Returns the logits, `[rows, classes]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    fn head_traced(&self, hidden: &Tensor) -> Result<Traced>;
}
