//! The hyperbolic tangent of each element.

use candle_core::{Result, Tensor};

use super::StreamLayer;
use crate::model::extent::Extent;
use crate::model::nn::traced::{self, Traced};
use crate::model::width::Widths;
use crate::model::work::Work;

/// `tanh(x)` of each element.
pub struct Tanh;

impl StreamLayer for Tanh {
    fn forward(&self, stream: &Tensor) -> Result<Tensor> {
        stream.tanh()
    }

    fn traced(&self, stream: &Tensor) -> Result<Traced> {
        traced::tanh(stream)
    }

    fn work(&self, _: &Extent, _: &Widths<'_>) -> Work {
        Work::default()
    }
}
