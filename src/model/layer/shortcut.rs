//! A shortcut around several blocks: its tensor is carried from the first of them to the last.

use candle_core::{Result, Tensor};

use super::Layer;
use super::sequence::Sequence;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Slot};
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// Computes a tensor from the input and carries it, for example the shortcut of a residual unit. The stream stays.
pub struct Depart {
    slot: Slot,
    layers: Sequence,
}

impl Depart {
    /// Creates a layer whose shortcut consists of these layers.
    #[must_use]
    pub fn new(shortcut: Sequence) -> Self {
        Self::to(Slot::Skip, shortcut)
    }

    /// Creates a layer that puts the output of these layers into a slot.
    #[must_use]
    pub fn to(slot: Slot, layers: Sequence) -> Self {
        Self { slot, layers }
    }
}

impl Layer for Depart {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let carried = self.layers.forward(input)?.stream;
        Ok(input.clone().carrying(self.slot, carried))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let Traced { value, pull } = self.layers.traced(input)?;
        let (slot, layout) = (self.slot, value.layout);
        Ok(Traced {
            value: input.clone().carrying(slot, value.stream),
            pull: Box::new(move |cotangent: Hidden| {
                let carried = cotangent.carried(slot).cloned();
                let cotangent = cotangent.without(slot);
                match carried {
                    Some(stream) => cotangent.plus(pull(Hidden::new(stream, layout))?),
                    None => Ok(cotangent),
                }
            }),
        })
    }

    fn is_differentiable(&self) -> bool {
        self.layers.is_differentiable()
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let carried = self.layers.onnx(graph, input)?.stream;
        Ok(input.clone().carrying(self.slot, carried))
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        self.layers.work(extent, widths)
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

    fn onnx(&self, _: &mut Graph, input: &State) -> Result<State> {
        Ok(input.with_stream(input.carried(Slot::Skip)?.clone()))
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

    fn onnx(&self, _: &mut Graph, input: &State) -> Result<State> {
        Ok(input.clone().without(Slot::Skip))
    }

    fn work(&self, _: &Extent, _: &Widths<'_>) -> Work {
        Work::default()
    }
}
