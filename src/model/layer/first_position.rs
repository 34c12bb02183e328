//! Selection of the first position of each row.

use candle_core::{Result, Tensor};

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::traced::Traced;
use crate::model::width::Widths;
use crate::model::work::Work;

/// `[rows, positions, channels]` to `[rows, 1, channels]`.
pub struct FirstPosition;

impl Layer for FirstPosition {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let first = input.stream.narrow(1, 0, 1)?.contiguous()?;
        Ok(Hidden::sequence(first))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let (_, positions, channels) = input.stream.dims3()?;
        let layout = input.layout;
        Ok(Traced {
            value: self.forward(input)?,
            pull: Box::new(move |cotangent: Hidden| {
                let first = cotangent.stream;
                let rest = (first.dim(0)?, positions - 1, channels);
                let rest = Tensor::zeros(rest, first.dtype(), first.device())?;
                let stream = Tensor::cat(&[&first, &rest], 1)?.contiguous()?;
                Ok(Hidden::new(stream, layout))
            }),
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent.map(|_, _| (Layout::Sequence, 1))
    }

    fn work(&self, _: &Extent, _: &Widths<'_>) -> Work {
        Work::default()
    }
}
