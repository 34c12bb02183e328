//! The way back through a graph, composed from that of its building blocks.
//!
//! In: what [`PrunableModel`](super::PrunableModel) takes. Out: the same values, each with a pullback for cotangents
//! of several probes at once. Only activations are differentiated.

use candle_core::{Result, Tensor};

use super::nn::traced::Traced;

/// A graph with a way back. Each function gives what its namesake of
/// [`PrunableModel`](super::PrunableModel) gives.
pub trait Differentiable: Send + Sync {
    /// The block's activations, `[rows, length, width * span]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn units_traced(&self, block: usize, hidden: &Tensor) -> Result<Traced>;

    /// What is added to the projection.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn residual_traced(&self, block: usize, hidden: &Tensor) -> Result<Traced>;

    /// From the sum of projection and residual to the next block's input.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn finish_traced(&self, block: usize, sum: &Tensor) -> Result<Traced>;

    /// Logits, `[rows, classes]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    fn head_traced(&self, hidden: &Tensor) -> Result<Traced>;
}
