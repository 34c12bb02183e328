//! The pruned model before physical removal: the original graph restricted to the kept units, with the
//! repaired projections if there are any.

use candle_core::{Result, Tensor};

use super::repairs::Repairs;
use crate::model::PrunableModel;
use crate::model::batch::Batch;
use crate::model::mask::Masks;
use crate::model::nn::linear::Linear;

/// Kept units and projections of a model.
pub struct Student<'a> {
    /// The original.
    pub model: &'a dyn PrunableModel,
    /// The kept units.
    pub masks: Masks,
    projections: Vec<Linear>,
    repaired: bool,
}

impl<'a> Student<'a> {
    /// Creates a student with the original's weights.
    ///
    /// # Errors
    /// Does not fail in practice: all shapes come from the model.
    pub fn new(model: &'a dyn PrunableModel, masks: Masks) -> Result<Self> {
        let projections = (0..model.groups().len()).map(|block| {
            let whole = model.projection(block);
            Ok(Linear::new(
                keep_columns(model, &masks, block, whole.weight())?,
                whole.bias().clone(),
            ))
        });
        Ok(Self {
            projections: projections.collect::<Result<_>>()?,
            model,
            masks,
            repaired: false,
        })
    }

    /// Creates a student with repaired projections.
    ///
    /// # Errors
    /// Does not fail in practice: all shapes come from the model.
    pub fn repaired(model: &'a dyn PrunableModel, masks: Masks, repairs: &Repairs) -> Result<Self> {
        let mut student = Self::new(model, masks)?;
        for (block, projection) in repairs.projections.iter().enumerate() {
            if let Some(linear) = projection {
                student.replace(block, linear.clone());
            }
        }
        Ok(student)
    }

    /// Returns the projection of a block: a weight `[out, kept * span]` and its bias.
    #[must_use]
    pub fn projection(&self, block: usize) -> &Linear {
        &self.projections[block]
    }

    /// Replaces the projection of a block.
    pub fn replace(&mut self, block: usize, projection: Linear) {
        self.projections[block] = projection;
        self.repaired = true;
    }

    /// Whether any projection was replaced.
    #[must_use]
    pub fn is_repaired(&self) -> bool {
        self.repaired
    }

    /// Returns the activations of the kept units, `[rows, length, kept * span]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn units(&self, block: usize, hidden: &Tensor) -> Result<Tensor> {
        keep_columns(
            self.model,
            &self.masks,
            block,
            &self.model.units(block, hidden)?,
        )
    }

    /// Runs one block.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn block(&self, block: usize, hidden: &Tensor) -> Result<Tensor> {
        let units = self.units(block, hidden)?;
        self.model
            .close(block, &self.projections[block], &units, hidden)
    }

    /// Returns the logits of a batch.
    ///
    /// # Errors
    /// Returns an error if the batch does not match the graph.
    pub fn forward(&self, batch: &Batch) -> Result<Tensor> {
        let mut hidden = self.model.stem(batch)?;
        for block in 0..self.projections.len() {
            hidden = self.block(block, &hidden)?;
        }
        self.model.head(&hidden)
    }
}

/// Selects the columns of the kept units in the last dimension.
fn keep_columns(
    model: &dyn PrunableModel,
    masks: &Masks,
    block: usize,
    tensor: &Tensor,
) -> Result<Tensor> {
    if masks.is_full(block) {
        return Ok(tensor.clone());
    }
    let columns = masks.columns(block, model.groups()[block].span);
    let last = tensor.rank() - 1;
    if columns.is_empty() {
        let mut shape = tensor.dims().to_vec();
        shape[last] = 0;
        return Tensor::zeros(shape, tensor.dtype(), tensor.device());
    }
    tensor.index_select(&Tensor::new(columns, tensor.device())?, last)
}
