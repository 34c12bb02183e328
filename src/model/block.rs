//! Blocks: sublayers with units between two linear maps.
//!
//! ```text
//! hidden -> units [rows, positions, channels] -> (mask) -> projection -> + skip -> finish -> hidden'
//! ```
//!
//! Access to the units between the two maps makes pruning cheap and exact. Removing unit `j` changes the
//! output of the projection by `- units_j W_j` (rank one for a neuron). Fitting the projection again is a
//! linear least-squares problem whose inputs are the units. If an architecture has steps without units
//! (merging patches, pooling), they belong to the `finish` of the block before them.

use candle_core::{Result, Tensor};

use super::affine::Affine;
use super::entry::Entry;
use super::extent::Extent;
use super::hidden::Hidden;
use super::layer::sequence::Sequence;
use super::layer::{Layer, Pulled, without_inner};
use super::nn::traced::Traced;
use super::stored_map::StoredMap;
use super::symbol::state::State;
use super::width::Widths;
use super::work::Work;
use crate::onnx::graph::Graph;

/// A block of a model, composed of layers.
pub struct Block {
    /// From the block's input to the activations of its units.
    pub units: Sequence,
    /// The linear map that consumes the units.
    pub projection: StoredMap,
    /// From the block's input to the tensor that is added to the projection's output. An empty sequence adds the
    /// input itself. `None` adds nothing.
    pub skip: Option<Sequence>,
    /// From the sum to the block's output.
    pub finish: Sequence,
    /// From the block's output to a feature of the trajectory, `[rows, positions, channels]`. An empty sequence is the
    /// output itself. `None` if the output is not a feature.
    pub feature: Option<Sequence>,
}

impl Block {
    /// Returns the map whose outputs are the units. `None` if another layer computes the units, such as an attention, or if
    /// they are the outputs of the block before.
    #[must_use]
    pub fn entry(&self) -> Option<Entry<'_>> {
        self.units.entry()
    }

    /// Returns the activations of the units that another map computes in place of the [entry](Self::entry).
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn units_of(&self, map: &Affine, input: &Hidden) -> Result<Hidden> {
        let activation = self.entry().and_then(|entry| entry.activation);
        map.forward_activated(&self.units.before_last(input)?, activation)
    }

    /// Returns the tensor that is added to the projection's output, or `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn residual(&self, input: &Hidden) -> Result<Option<Tensor>> {
        let skip = self.skip.as_ref();
        skip.map(|skip| Ok(skip.forward(input)?.stream)).transpose()
    }

    /// Returns the sum of the projected units and the residual, `[rows, positions, out]`. The carried tensors are those
    /// of `units`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn sum(&self, projection: &Affine, units: &Hidden, input: &Hidden) -> Result<Hidden> {
        sum(projection, units, self.residual(input)?.as_ref())
    }

    /// Computes the block's output from (masked) units and the block's input, with this projection: the block's own
    /// one, or one that was pruned or repaired.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn close(&self, projection: &Affine, units: &Hidden, input: &Hidden) -> Result<Hidden> {
        let residual = self.residual(input)?;
        if let (Some(residual), Affine::OfPositions(projection)) = (&residual, projection)
            && let Some(output) = self.finish.forward_sum(projection, units, residual)?
        {
            return Ok(output);
        }
        let sum = sum(projection, units, residual.as_ref())?;
        self.finish.forward(&sum)
    }

    /// Writes the block into an ONNX graph.
    ///
    /// # Errors
    /// Returns an error if a layer cannot be written.
    pub fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let units = self.units.onnx(graph, input)?;
        let residual = self.skip.as_ref().map(|skip| skip.onnx(graph, input));
        let projected = self.projection.affine.onnx(graph, &units, None)?;
        let sum = match residual.transpose()? {
            Some(residual) => {
                let sum = projected.stream.plus(graph, &residual.stream);
                projected.with_stream(sum)
            }
            None => projected,
        };
        self.finish.onnx(graph, &sum)
    }

    /// Whether the block's output is a feature of the trajectory.
    #[must_use]
    pub fn is_feature(&self) -> bool {
        self.feature.is_some()
    }

    /// Whether a cotangent on the block's output can be pulled back to its units.
    #[must_use]
    pub fn reaches_units(&self) -> bool {
        let feature = self.feature.as_ref();
        self.finish.is_differentiable() && feature.is_none_or(Layer::is_differentiable)
    }

    /// Whether a cotangent on the block's output can be pulled back to its input.
    #[must_use]
    pub fn reaches_input(&self) -> bool {
        let skip = self.skip.as_ref();
        self.reaches_units()
            && self.units.is_differentiable()
            && skip.is_none_or(Layer::is_differentiable)
    }

    /// Returns the shapes of the rows after the block.
    #[must_use]
    pub fn extent(&self, extent: &Extent) -> Extent {
        self.finish.extent(&self.sum_extent(extent))
    }

    /// Returns the shapes of the rows of the block's sum.
    #[must_use]
    pub fn sum_extent(&self, extent: &Extent) -> Extent {
        self.projection.affine.extent(&self.units.extent(extent))
    }

    /// Returns the mean work per row, for rows of these shapes.
    #[must_use]
    pub fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let mut work = self.units.work(extent, widths);
        if let Some(skip) = &self.skip {
            work += skip.work(extent, widths);
        }
        let at = self.sum_extent(extent);
        let written = at.mean() * self.projection.outputs(widths).full;
        work += Work {
            macs: self.projection.macs(widths) * at.mean(),
            // The projection's output, and the sum with the residual.
            written: 2.0 * written,
            remembered: written,
        };
        work += self.finish.work(&at, widths);
        work
    }
}

/// Returns the projected units plus the residual, if there is one.
fn sum(projection: &Affine, units: &Hidden, residual: Option<&Tensor>) -> Result<Hidden> {
    let projected = projection.forward(units)?;
    match residual {
        Some(residual) => Ok(projected.with_stream((&projected.stream + residual)?)),
        None => Ok(projected),
    }
}

/// A block that ran, with the pullbacks of its parts.
pub struct TracedBlock {
    /// The activations of the units, before any mask.
    pub units: Traced<Hidden, Pulled>,
    /// The residual, if the block has one.
    pub residual: Option<Traced<Hidden>>,
    /// The block's output.
    pub finish: Traced<Hidden>,
    /// The feature, if the output is one.
    pub feature: Option<Traced<Hidden>>,
}

impl Block {
    /// Runs the whole block and records it. If `whole` is false, only the way from the output to the units and inner
    /// channels is recorded, and a cotangent cannot be pulled back to the input.
    ///
    /// # Errors
    /// Returns an error if shapes do not match or a recorded layer has no backward pass.
    pub fn traced(&self, input: &Hidden, whole: bool) -> Result<TracedBlock> {
        let unrecorded = |layers: &Sequence| Ok(Traced::identity(&layers.forward(input)?));
        let units = match whole || self.units.inner_channels() > 0 {
            true => self.units.traced_inside(input)?,
            false => without_inner(unrecorded(&self.units)?),
        };
        let residual = self.skip.as_ref().map(|layers| match whole {
            true => layers.traced(input),
            false => unrecorded(layers),
        });
        let residual = residual.transpose()?;
        let added = residual.as_ref().map(|residual| &residual.value.stream);
        let sum = sum(&self.projection.affine, &units.value, added)?;
        let finish = self.finish.traced(&sum)?;
        let feature = self.feature.as_ref();
        let feature = feature.map(|feature| feature.traced(&finish.value));
        Ok(TracedBlock {
            feature: feature.transpose()?,
            units,
            residual,
            finish,
        })
    }
}
