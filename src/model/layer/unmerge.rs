//! Copies merged positions back to the original ones.

use candle_core::{DType, Result, Tensor};

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// `[rows, positions, channels]` to `[rows, original, channels]`: each original position gets the vector of the position
/// that stands for it. Features of runs that merge different pairs can then be compared.
#[derive(Clone, Copy, Debug)]
pub struct Unmerge {
    /// Number of original positions.
    original: usize,
}

impl Unmerge {
    /// Creates the layer for rows of this number of original positions.
    #[must_use]
    pub fn new(original: usize) -> Self {
        Self { original }
    }
}

impl Layer for Unmerge {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let Some(places) = input.places()? else {
            return Ok(input.clone());
        };
        let (rows, _, channels) = input.stream.dims3()?;
        let all = input.stream.flatten(0, 1)?.index_select(&places, 0)?;
        let all = all.reshape((rows, self.original, channels))?;
        Ok(input.with_positions(all, input.layout.lead()))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let value = self.forward(input)?;
        let Some(places) = input.places()? else {
            return Ok(Traced::identity(input));
        };
        let (rows, positions, channels) = input.stream.dims3()?;
        let layout = input.layout;
        let original = self.original;
        Ok(Traced {
            value,
            pull: Box::new(move |cotangent: Hidden| {
                let copies = cotangent.stream.dim(0)? / rows.max(1);
                let device = cotangent.stream.device();
                let all = (copies, rows * original, channels);
                let all = cotangent.stream.reshape(all)?.contiguous()?;
                let sum = (copies, rows * positions, channels);
                let sum = Tensor::zeros(sum, DType::F32, device)?.index_add(&places, &all, 1)?;
                let sum = sum.reshape((copies * rows, positions, channels))?;
                Ok(Hidden::new(sum, layout))
            }),
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent.map(|layout, _| (layout, self.original))
    }

    fn onnx(&self, _: &mut Graph, _: &State) -> Result<State> {
        // Exported graphs contain answers only.
        candle_core::bail!("features are not part of an ONNX graph")
    }

    fn work(&self, _: &Extent, _: &Widths<'_>) -> Work {
        Work::default()
    }
}
