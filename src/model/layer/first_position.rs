//! Selection of the first position of each row.

use candle_core::{Result, Tensor};

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::traced::Traced;
use crate::model::width::Widths;
use crate::model::work::Work;

/// `[rows, positions, channels]` to `[rows, 1, channels]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstPosition {
    /// See [`early`](Self::early).
    early: bool,
}

impl FirstPosition {
    /// Creates a selection that the original implementation makes only later. The layers in between compute the other
    /// positions there, although nothing reads them.
    #[must_use]
    pub fn early() -> Self {
        Self { early: true }
    }
}

/// Returns the first position of each row, `[rows, 1, channels]`.
pub(super) fn first(stream: &Tensor) -> Result<Tensor> {
    stream.narrow(1, 0, 1)?.contiguous()
}

/// Pulls a cotangent on the first position of each row back to all `positions`.
pub(super) fn spread(first: Tensor, positions: usize) -> Result<Tensor> {
    let (rows, own, channels) = first.dims3()?;
    if own == positions {
        return Ok(first);
    }
    let rest = (rows, positions - own, channels);
    let rest = Tensor::zeros(rest, first.dtype(), first.device())?;
    Tensor::cat(&[first, rest], 1)?.contiguous()
}

impl Layer for FirstPosition {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        Ok(Hidden::sequence(first(&input.stream)?))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let positions = input.positions()?;
        let layout = input.layout;
        Ok(Traced {
            value: self.forward(input)?,
            pull: Box::new(move |cotangent: Hidden| {
                Ok(Hidden::new(spread(cotangent.stream, positions)?, layout))
            }),
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        match self.early && extent.is_of_original() {
            true => extent.clone(),
            false => extent.map(|_, _| (Layout::Sequence, 1)),
        }
    }

    fn work(&self, _: &Extent, _: &Widths<'_>) -> Work {
        Work::default()
    }
}
