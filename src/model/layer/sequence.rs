//! Layers that run one after another.

use candle_core::{Result, Tensor};

use super::{Layer, Pulled, without_inner};
use crate::model::entry::Entry;
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::nn::linear::Linear;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// Layers that run one after another. An empty sequence is the identity.
#[derive(Default)]
pub struct Sequence(Vec<Box<dyn Layer>>);

impl Sequence {
    /// Creates the identity.
    #[must_use]
    pub fn identity() -> Self {
        Self::default()
    }

    /// Appends a layer.
    #[must_use]
    pub fn then(mut self, layer: impl Layer + 'static) -> Self {
        self.0.push(Box::new(layer));
        self
    }

    /// Runs the sequence on `projection(units) + skip`, if its first layer has a fused step for this sum. The carried
    /// tensors are those of `units`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn forward_sum(
        &self,
        projection: &Linear,
        units: &Hidden,
        skip: &Tensor,
    ) -> Result<Option<Hidden>> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        let stream = first.forward_sum(projection, &units.stream, skip)?;
        let output = stream.map(|stream| run(rest, units.with_stream(stream)));
        output.transpose()
    }

    /// Runs all layers but the last one: the way to the [entry](Layer::entry), if there is one.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn before_last(&self, input: &Hidden) -> Result<Hidden> {
        let before = self.0.split_last().map_or(&[][..], |(_, before)| before);
        run(before, input.clone())
    }

    /// Returns the layer with inner channels, with the layers before and after it. At most one layer has some.
    fn with_inner(&self) -> Option<(Layers<'_>, &dyn Layer, Layers<'_>)> {
        let mut layers = self.0.iter();
        let place = layers.position(|layer| layer.inner_channels() > 0)?;
        let (before, rest) = self.0.split_at(place);
        let (layer, after) = rest.split_first()?;
        Some((before, layer.as_ref(), after))
    }
}

/// Some layers that run one after another.
type Layers<'a> = &'a [Box<dyn Layer>];

/// Runs some layers one after another, with their pullback.
fn traced(layers: Layers<'_>, input: &Hidden) -> Result<Traced<Hidden>> {
    let start = Traced::identity(input);
    layers.iter().try_fold(start, |traced, layer| {
        traced.then(|hidden| layer.traced(hidden))
    })
}

/// Runs some layers one after another.
fn run(layers: Layers<'_>, input: Hidden) -> Result<Hidden> {
    layers
        .iter()
        .try_fold(input, |hidden, layer| layer.forward(&hidden))
}

impl Layer for Sequence {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        run(&self.0, input.clone())
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        traced(&self.0, input)
    }

    fn is_differentiable(&self) -> bool {
        self.0.iter().all(|layer| layer.is_differentiable())
    }

    fn inner_channels(&self) -> usize {
        self.with_inner()
            .map_or(0, |(_, layer, _)| layer.inner_channels())
    }

    fn forward_masked(&self, input: &Hidden, factors: &Tensor) -> Result<Hidden> {
        let Some((before, layer, after)) = self.with_inner() else {
            candle_core::bail!("the sequence has no inner channels");
        };
        let input = run(before, input.clone())?;
        run(after, layer.forward_masked(&input, factors)?)
    }

    fn traced_inside(&self, input: &Hidden) -> Result<Traced<Hidden, Pulled>> {
        let Some((before, layer, after)) = self.with_inner() else {
            return Ok(without_inner(self.traced(input)?));
        };
        let before = traced(before, input)?;
        let layer = layer.traced_inside(&before.value)?;
        let after = traced(after, &layer.value)?;
        let before = before.pull;
        Ok(Traced {
            value: after.value,
            pull: Box::new(move |cotangent| {
                let pulled = (layer.pull)((after.pull)(cotangent)?)?;
                Ok(Pulled {
                    input: before(pulled.input)?,
                    inner: pulled.inner,
                })
            }),
        })
    }

    fn entry(&self) -> Option<Entry<'_>> {
        self.0.last()?.entry()
    }

    fn queries_and_keys(&self, input: &Hidden) -> Result<Option<[Tensor; 2]>> {
        let mut hidden = input.clone();
        for layer in &self.0 {
            if let Some(found) = layer.queries_and_keys(&hidden)? {
                return Ok(Some(found));
            }
            hidden = layer.forward(&hidden)?;
        }
        Ok(None)
    }

    fn extent(&self, extent: &Extent) -> Extent {
        let layers = self.0.iter();
        layers.fold(extent.clone(), |extent, layer| layer.extent(&extent))
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let mut layers = self.0.iter();
        layers.try_fold(input.clone(), |state, layer| layer.onnx(graph, &state))
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut extent = extent.clone();
        let mut work = Work::default();
        for layer in &self.0 {
            work += layer.work(&extent, widths);
            extent = layer.extent(&extent);
        }
        work
    }
}
