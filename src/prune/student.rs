//! The pruned model before physical removal: the original graph restricted to the kept units, with the
//! repaired maps if there are any.

use candle_core::{Result, Tensor};

use super::repairs::Repairs;
use crate::model::affine::Affine;
use crate::model::batch::Batch;
use crate::model::chain::Model;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::mask::Masks;
use crate::model::nn::linear::Linear;
use crate::model::stored_map::StoredMap;

/// Kept units and maps of a model.
pub struct Student<'a> {
    /// The original.
    pub model: &'a Model,
    /// The kept units.
    pub masks: Masks,
    /// Kept channels of each block's activations. `None` if all channels are kept.
    channels: Vec<Option<Tensor>>,
    projections: Vec<Affine>,
    /// The replaced entry of each block, which computes the kept units only. `None` if the block has its original one.
    entries: Vec<Option<Affine>>,
    repaired: bool,
}

impl<'a> Student<'a> {
    /// Creates a student with the original's weights.
    ///
    /// # Errors
    /// Does not fail in practice: all shapes come from the model.
    pub fn new(model: &'a Model, masks: Masks) -> Result<Self> {
        let tensor = |kept: Option<Vec<u32>>| {
            let kept = kept.map(|kept| Tensor::new(kept, model.device()));
            kept.transpose()
        };
        let blocks = 0..model.blocks.len();
        let channels = blocks.map(|block| tensor(model.kept_activations(block, &masks)));
        let projections = model.blocks.iter().enumerate().map(|(index, block)| {
            let columns = tensor(model.kept_columns(index, &masks))?;
            let whole = block.projection.linear();
            let weight = keep(whole.weight(), columns.as_ref())?;
            let linear = Linear::new(weight, whole.bias().cloned());
            block.projection.affine.with(linear)
        });
        Ok(Self {
            projections: projections.collect::<Result<_>>()?,
            entries: vec![None; model.blocks.len()],
            channels: channels.collect::<Result<_>>()?,
            model,
            masks,
            repaired: false,
        })
    }

    /// Creates a student with repaired maps.
    ///
    /// # Errors
    /// Does not fail in practice: all shapes come from the model.
    pub fn repaired(model: &'a Model, masks: Masks, repairs: &Repairs) -> Result<Self> {
        let mut student = Self::new(model, masks)?;
        for (block, projection) in repairs.projections.iter().enumerate() {
            if let Some(linear) = projection {
                student.replace(block, linear.clone())?;
            }
        }
        for (block, entry) in repairs.entries.iter().enumerate() {
            student.replace_entry(block, entry.clone())?;
        }
        Ok(student)
    }

    /// Returns the projection of a block, which reads the kept channels.
    #[must_use]
    pub fn projection(&self, block: usize) -> &Affine {
        &self.projections[block]
    }

    /// Replaces the projection of a block by a weight `[out, kept columns]` and its bias.
    ///
    /// # Errors
    /// Returns an error if the window of the projection has another number of pixels.
    pub fn replace(&mut self, block: usize, projection: Linear) -> Result<()> {
        self.projections[block] = self.projections[block].with(projection)?;
        self.repaired = true;
        Ok(())
    }

    /// Returns the entry of a block, which computes the kept units, if it was replaced.
    #[must_use]
    pub fn entry(&self, block: usize) -> Option<&Affine> {
        self.entries[block].as_ref()
    }

    /// Returns the original entry of a block for the kept units only. `None` if the block has no entry.
    ///
    /// # Errors
    /// Does not fail in practice: all shapes come from the model.
    pub fn kept_entry(&self, block: usize) -> Result<Option<StoredMap>> {
        let entry = self.model.blocks[block].entry();
        let rows = self.model.kept_rows(block, &self.masks);
        entry.map(|entry| entry.map.of_rows(&rows)).transpose()
    }

    /// Replaces the entry of a block by a weight `[kept units, in]` and its bias, or by the original one. Without an entry,
    /// nothing happens.
    ///
    /// # Errors
    /// Returns an error if the window of the entry has another number of pixels.
    pub fn replace_entry(&mut self, block: usize, linear: Option<Linear>) -> Result<()> {
        if let Some(entry) = self.model.blocks[block].entry() {
            let replaced = linear.map(|linear| entry.map.affine.with(linear));
            self.entries[block] = replaced.transpose()?;
            self.repaired |= self.entries[block].is_some();
        }
        Ok(())
    }

    /// Whether any map was replaced.
    #[must_use]
    pub fn is_repaired(&self) -> bool {
        self.repaired
    }

    /// Returns the activations of the kept units, `[rows, positions, kept channels]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn units(&self, block: usize, input: &Hidden) -> Result<Hidden> {
        if let Some(entry) = self.entry(block) {
            return self.model.blocks[block].units_of(entry, input);
        }
        let units = self.model.units(block, input, &self.masks)?;
        let kept = keep(&units.stream, self.channels[block].as_ref())?;
        Ok(units.with_stream(kept))
    }

    /// Runs one block.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn block(&self, block: usize, input: &Hidden) -> Result<Hidden> {
        let units = self.units(block, input)?;
        self.model.blocks[block].close(&self.projections[block], &units, input)
    }

    /// Returns the answers for a batch.
    ///
    /// # Errors
    /// Returns an error if the batch does not match the graph.
    pub fn forward(&self, batch: &Batch) -> Result<Hidden> {
        let mut hidden = self.model.start(batch)?;
        for block in 0..self.projections.len() {
            hidden = self.block(block, &hidden)?;
        }
        self.model.head.forward(&hidden)
    }
}

/// Selects indices of the last dimension.
fn keep(tensor: &Tensor, kept: Option<&Tensor>) -> Result<Tensor> {
    let Some(kept) = kept else {
        return Ok(tensor.clone());
    };
    let last = tensor.rank() - 1;
    if kept.elem_count() == 0 {
        let mut shape = tensor.dims().to_vec();
        shape[last] = 0;
        return Tensor::zeros(shape, tensor.dtype(), tensor.device());
    }
    tensor.index_select(kept, last)
}
