//! A shortcut around several blocks: its tensor is carried from the first of them to the last.

use candle_core::{Result, Tensor};

use super::Layer;
use super::sequence::Sequence;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Slot};
use crate::model::nn::traced::Traced;
use crate::model::width::Widths;
use crate::model::work::Work;

/// Computes the shortcut of the input and carries it. The stream stays.
pub struct Depart(Sequence);

impl Depart {
    /// Creates a layer whose shortcut consists of these layers.
    #[must_use]
    pub fn new(shortcut: Sequence) -> Self {
        Self(shortcut)
    }
}

impl Layer for Depart {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let shortcut = self.0.forward(input)?.stream;
        Ok(input.clone().carrying(Slot::Skip, shortcut))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let Traced { value, pull } = self.0.traced(input)?;
        let layout = value.layout;
        Ok(Traced {
            value: input.clone().carrying(Slot::Skip, value.stream),
            pull: Box::new(move |cotangent: Hidden| {
                let shortcut = cotangent.carried(Slot::Skip).cloned();
                let cotangent = cotangent.without(Slot::Skip);
                match shortcut {
                    Some(stream) => cotangent.plus(pull(Hidden::new(stream, layout))?),
                    None => Ok(cotangent),
                }
            }),
        })
    }

    fn is_differentiable(&self) -> bool {
        self.0.is_differentiable()
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        self.0.work(extent, widths)
    }
}

/// Replaces the stream by the carried shortcut.
pub struct Arrive;

impl Layer for Arrive {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        match input.carried(Slot::Skip) {
            Some(shortcut) => Ok(input.with_stream(shortcut.clone())),
            None => candle_core::bail!("no block before carries a shortcut"),
        }
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let (stream, layout) = (input.stream.clone(), input.layout);
        Ok(Traced {
            value: self.forward(input)?,
            pull: Box::new(move |cotangent: Hidden| {
                let (_, positions, channels) = stream.dims3()?;
                let shape = (cotangent.stream.dim(0)?, positions, channels);
                let nothing = Tensor::zeros(shape, stream.dtype(), stream.device())?;
                let shortcut = Hidden::new(nothing.clone(), layout)
                    .carrying(Slot::Skip, cotangent.stream.clone());
                shortcut.plus(cotangent.with_stream(nothing))
            }),
        })
    }

    fn work(&self, _: &Extent, _: &Widths<'_>) -> Work {
        Work::default()
    }
}

/// Drops the carried shortcut after its last use.
pub struct Forget;

impl Layer for Forget {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        Ok(input.clone().without(Slot::Skip))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        Ok(Traced {
            value: self.forward(input)?,
            pull: Box::new(Ok),
        })
    }

    fn work(&self, _: &Extent, _: &Widths<'_>) -> Work {
        Work::default()
    }
}
