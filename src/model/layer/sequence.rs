//! Layers that run one after another.

use candle_core::{Result, Tensor};

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::nn::linear::Linear;
use crate::model::nn::traced::Traced;
use crate::model::width::Widths;
use crate::model::work::Work;

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
}

/// Runs some layers one after another.
fn run(layers: &[Box<dyn Layer>], input: Hidden) -> Result<Hidden> {
    layers
        .iter()
        .try_fold(input, |hidden, layer| layer.forward(&hidden))
}

impl Layer for Sequence {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        run(&self.0, input.clone())
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let start = Traced::identity(input);
        self.0.iter().try_fold(start, |traced, layer| {
            traced.then(|hidden| layer.traced(hidden))
        })
    }

    fn is_differentiable(&self) -> bool {
        self.0.iter().all(|layer| layer.is_differentiable())
    }

    fn extent(&self, extent: &Extent) -> Extent {
        let layers = self.0.iter();
        layers.fold(extent.clone(), |extent, layer| layer.extent(&extent))
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
