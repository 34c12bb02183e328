//! Maps of several resolutions as one stream, and back.

use candle_core::{Result, Tensor};

use super::Layer;
use super::sequence::Sequence;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout, Slot};
use crate::model::nn::resize;
use crate::model::nn::traced::{Pullback, Traced};
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// Returns the arrangement of a map `[height, width]`.
#[must_use]
pub fn map_of([height, width]: [usize; 2]) -> Layout {
    let lead = 0;
    Layout::Map {
        height,
        width,
        lead,
    }
}

/// Returns rows of a map of this size, whatever they were before.
pub(super) fn extent_of(extent: &Extent, size: [usize; 2]) -> Extent {
    extent.map(|_, _| (map_of(size), size[0] * size[1]))
}

/// Returns zeros that have the shape of `like`, with as many rows as `cotangent`.
pub(super) fn zeros(like: &Tensor, cotangent: &Tensor) -> Result<Tensor> {
    let (_, positions, channels) = like.dims3()?;
    let shape = (cotangent.dim(0)?, positions, channels);
    Tensor::zeros(shape, like.dtype(), like.device())
}

/// A carried map, and the layers that read it.
pub struct Level {
    /// The slot of the map.
    pub slot: Slot,
    /// Height and width of the map.
    pub size: [usize; 2],
    /// What is computed from it, at the same positions.
    pub layers: Sequence,
}

impl Level {
    /// Returns the map that a state carries.
    fn of(&self, input: &Hidden) -> Result<Hidden> {
        match input.carried(self.slot) {
            Some(map) => Ok(Hidden::new(map.clone(), map_of(self.size))),
            None => candle_core::bail!("no layer before carries {:?}", self.slot),
        }
    }

    /// Returns what is computed from the map that a state carries, in an ONNX graph.
    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<Stream> {
        let map = input.carried(self.slot)?.clone();
        let map = State::map(map, map_of(self.size));
        Ok(self.layers.onnx(graph, &map)?.stream)
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        self.layers.work(&extent_of(extent, self.size), widths)
    }
}

/// Replaces the stream by the positions of several carried maps, one map after the other. The carried maps are dropped.
pub struct JoinLevels(Vec<Level>);

impl JoinLevels {
    /// Creates a layer from the maps in the order of their positions.
    #[must_use]
    pub fn new(levels: Vec<Level>) -> Self {
        Self(levels)
    }

    /// Returns the state after the layer.
    fn joined(&self, input: &Hidden, parts: &[Tensor]) -> Result<Hidden> {
        let joined = input.arranged(Tensor::cat(parts, 1)?, Layout::Sequence);
        let slots = self.0.iter().map(|level| level.slot);
        Ok(slots.fold(joined, Hidden::without))
    }
}

impl Layer for JoinLevels {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let parts = self.0.iter();
        let parts = parts.map(|level| Ok(level.layers.forward(&level.of(input)?)?.stream));
        self.joined(input, &parts.collect::<Result<Vec<Tensor>>>()?)
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let mut parts = Vec::with_capacity(self.0.len());
        let mut pulls: Vec<(Slot, [usize; 2], Pullback<Hidden>)> = Vec::new();
        for level in &self.0 {
            let Traced { value, pull } = level.layers.traced(&level.of(input)?)?;
            parts.push(value.stream);
            pulls.push((level.slot, level.size, pull));
        }
        let (before, layout) = (input.stream.clone(), input.layout);
        Ok(Traced {
            value: self.joined(input, &parts)?,
            pull: Box::new(move |cotangent: Hidden| {
                let mut pulled = cotangent.arranged(zeros(&before, &cotangent.stream)?, layout);
                let mut first = 0;
                for (slot, size, pull) in &pulls {
                    let positions = size[0] * size[1];
                    let part = cotangent.stream.narrow(1, first, positions)?.contiguous()?;
                    first += positions;
                    let map = pull(Hidden::new(part, map_of(*size)))?.stream;
                    pulled = pulled.adding(*slot, map)?;
                }
                Ok(pulled)
            }),
        })
    }

    fn is_differentiable(&self) -> bool {
        self.0.iter().all(|level| level.layers.is_differentiable())
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let mut parts = Vec::with_capacity(self.0.len());
        for level in &self.0 {
            let part = level.onnx(graph, input)?;
            parts.push(part.positions(graph));
        }
        let parts: Vec<&Value> = parts.iter().collect();
        let joined = graph.concat(&parts, 1);
        let sizes = self.0.iter().map(|level| level.size);
        let positions = sizes.map(|[height, width]| height * width).sum();
        let slots = self.0.iter().map(|level| level.slot);
        Ok(slots.fold(input.with_sequence(joined, positions), State::without))
    }

    fn extent(&self, extent: &Extent) -> Extent {
        let sizes = self.0.iter().map(|level| level.size);
        let positions: usize = sizes.map(|[height, width]| height * width).sum();
        extent.map(|_, _| (Layout::Sequence, positions))
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut work = Work::default();
        for level in &self.0 {
            work += level.work(extent, widths);
        }
        work
    }
}

/// Carries the parts of a joined stream, each as a map of its own. The stream becomes the last map.
pub struct SplitLevels(Vec<Level>);

impl SplitLevels {
    /// Creates a layer from the maps in the order of their positions.
    #[must_use]
    pub fn new(levels: Vec<Level>) -> Self {
        Self(levels)
    }

    /// Returns the part of the stream of each map.
    fn parts(&self, stream: &Tensor) -> Result<Vec<Hidden>> {
        let mut first = 0;
        let parts = self.0.iter().map(|level| {
            let positions = level.size[0] * level.size[1];
            let part = stream.narrow(1, first, positions)?.contiguous()?;
            first += positions;
            Ok(Hidden::new(part, map_of(level.size)))
        });
        parts.collect()
    }

    /// Returns the state with the last map as its stream.
    fn ended(&self, input: &Hidden, parts: &[Hidden]) -> Result<Hidden> {
        match parts.last() {
            Some(last) => Ok(input.arranged(last.stream.clone(), last.layout)),
            None => candle_core::bail!("a stream is split into no maps"),
        }
    }
}

impl Layer for SplitLevels {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let parts = self.parts(&input.stream)?;
        let mut output = self.ended(input, &parts)?;
        for (level, part) in self.0.iter().zip(&parts) {
            output = output.carrying(level.slot, level.layers.forward(part)?.stream);
        }
        Ok(output)
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let parts = self.parts(&input.stream)?;
        let mut output = self.ended(input, &parts)?;
        let mut pulls: Vec<(Slot, Hidden, Pullback<Hidden>)> = Vec::new();
        for (level, part) in self.0.iter().zip(parts) {
            let Traced { value, pull } = level.layers.traced(&part)?;
            output = output.carrying(level.slot, value.stream);
            pulls.push((level.slot, part, pull));
        }
        let layout = input.layout;
        Ok(Traced {
            value: output,
            pull: Box::new(move |cotangent: Hidden| {
                let mut pulled = Vec::with_capacity(pulls.len());
                for (slot, part, pull) in &pulls {
                    pulled.push(match cotangent.carried(*slot) {
                        Some(map) => pull(Hidden::new(map.clone(), part.layout))?.stream,
                        None => zeros(&part.stream, &cotangent.stream)?,
                    });
                }
                if let Some(last) = pulled.last_mut() {
                    *last = (&*last + &cotangent.stream)?;
                }
                let slots = pulls.iter().map(|(slot, ..)| *slot);
                let rest = slots.fold(cotangent, Hidden::without);
                Ok(rest.arranged(Tensor::cat(&pulled, 1)?, layout))
            }),
        })
    }

    fn is_differentiable(&self) -> bool {
        self.0.iter().all(|level| level.layers.is_differentiable())
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let stream = input.stream.positions(graph);
        let sizes = self.0.iter().map(|level| level.size);
        let sizes: Vec<i64> = sizes
            .map(|[height, width]| (height * width) as i64)
            .collect();
        let parts = graph.split(&stream, &sizes, 1);
        let mut output = input.clone();
        for (level, part) in self.0.iter().zip(parts) {
            let part = Stream::Positions(part);
            let map = State::map(part.clone(), map_of(level.size));
            let carried = level.layers.onnx(graph, &map)?.stream;
            output = output.with_map(part, map_of(level.size));
            output = output.carrying(level.slot, carried);
        }
        Ok(output)
    }

    fn extent(&self, extent: &Extent) -> Extent {
        let last = self.0.last().map_or([0, 0], |level| level.size);
        extent_of(extent, last)
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut work = Work::default();
        for level in &self.0 {
            work += level.work(extent, widths);
        }
        work
    }
}

/// Resizes the stream, which is a map of the size `from`, to the size of a carried map, and adds what is computed from that
/// map. The carried map is dropped.
pub struct AddLevel {
    /// The carried map.
    pub level: Level,
    /// Height and width of the stream.
    pub from: [usize; 2],
    /// Number of channels of the stream.
    pub channels: usize,
}

impl Layer for AddLevel {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let size = self.level.size;
        let added = self.level.layers.forward(&self.level.of(input)?)?;
        let sum = (resize::forward(&input.stream, self.from, size)? + added.stream)?;
        Ok(input.arranged(sum, map_of(size)).without(self.level.slot))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let (slot, size) = (self.level.slot, self.level.size);
        let added = self.level.layers.traced(&self.level.of(input)?)?;
        let resized = resize::traced(&input.stream, self.from, size)?;
        let sum = (resized.value + added.value.stream)?;
        let layout = input.layout;
        Ok(Traced {
            value: input.arranged(sum, map_of(size)).without(slot),
            pull: Box::new(move |cotangent: Hidden| {
                // A pullback may overwrite its argument.
                let of_map = Hidden::new(cotangent.stream.copy()?, map_of(size));
                let map = (added.pull)(of_map)?.stream;
                let resized = (resized.pull)(cotangent.stream.clone())?;
                let pulled = cotangent.arranged(resized, layout);
                Ok(pulled.carrying(slot, map))
            }),
        })
    }

    fn is_differentiable(&self) -> bool {
        self.level.layers.is_differentiable()
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let size = self.level.size;
        let added = self.level.onnx(graph, input)?;
        let planes = input.stream.planes(graph, self.from);
        let resized = Stream::Planes(resize::onnx(graph, &planes, self.from, size));
        let added = Stream::Planes(added.planes(graph, size));
        let sum = resized.plus(graph, &added);
        Ok(input.with_map(sum, map_of(size)).without(self.level.slot))
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent_of(extent, self.level.size)
    }

    /// Returns the work of the added map. Each resized number is a mean of four, which no product of matrices computes.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut work = self.level.work(extent, widths);
        let written = self.extent(extent).mean() * self.channels as f64;
        work += Work {
            written: 2.0 * written,
            remembered: written,
            ..Work::default()
        };
        work
    }
}
