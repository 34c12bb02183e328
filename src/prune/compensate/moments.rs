//! Weighted first and second moments of a linear map's inputs and targets, summed batch by batch.

use candle_core::{Result, Tensor};

use crate::model::nn::meter;
use crate::prune::sums::add_tensor;

/// Maximum number of inputs of a map whose weights are fitted. Its moments take 0.5 GB. Of a larger map, such as the first one
/// of the classifier of VGG-16 with 25,088 inputs, only the bias is fitted.
pub const MOST_INPUTS: usize = 8_192;

/// Weighted sums over positions. Products within a batch use f32, and sums over batches use f64.
pub struct Moments {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// Total weight of the positions.
    pub weight: f64,
    /// Sum of the inputs, `[inputs]`.
    pub input_sum: Vec<f64>,
    /// Sum of the targets, `[outputs]`.
    pub target_sum: Vec<f64>,
    /// `X^T X`, `[inputs, inputs]`. Empty if there are more than [`MOST_INPUTS`].
    pub gram: Vec<f64>,
    /// `X^T Y`, `[inputs, outputs]`. Empty if there are more than [`MOST_INPUTS`] inputs.
    pub cross: Vec<f64>,
}

impl Moments {
    /// Creates moments of zero positions.
    #[must_use]
    pub fn new(inputs: usize, outputs: usize) -> Self {
        let multiplied = if inputs > MOST_INPUTS { 0 } else { inputs };
        Self {
            inputs,
            outputs,
            weight: 0.0,
            input_sum: vec![0.0; inputs],
            target_sum: vec![0.0; outputs],
            gram: vec![0.0; multiplied * multiplied],
            cross: vec![0.0; multiplied * outputs],
        }
    }

    /// Returns the moments of some inputs, given by their indices. The products of inputs must have been summed.
    #[must_use]
    pub fn of_inputs(&self, kept: &[u32]) -> Self {
        let kept = || kept.iter().map(|&input| input as usize);
        let rows = |matrix: &[f64], columns: usize| -> Vec<f64> {
            let rows = kept().flat_map(|row| &matrix[row * columns..(row + 1) * columns]);
            rows.copied().collect()
        };
        let gram = kept().flat_map(|row| kept().map(move |column| (row, column)));
        Self {
            inputs: kept().count(),
            outputs: self.outputs,
            weight: self.weight,
            input_sum: kept().map(|input| self.input_sum[input]).collect(),
            target_sum: self.target_sum.clone(),
            gram: gram
                .map(|(row, column)| self.gram[row * self.inputs + column])
                .collect(),
            cross: rows(&self.cross, self.outputs),
        }
    }

    /// Adds a batch: inputs `[positions, inputs]`, targets `[positions, outputs]`, and position weights `[positions, 1]`.
    /// Without weights, every position has weight 1.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn add(
        &mut self,
        inputs: &Tensor,
        targets: &Tensor,
        weights: Option<&Tensor>,
    ) -> Result<()> {
        self.weight += weight(inputs, weights)?;
        add_tensor(&mut self.target_sum, &weigh(targets, weights)?.sum(0)?)?;
        if self.inputs > 0 {
            let weighed = weigh(inputs, weights)?;
            add_tensor(&mut self.input_sum, &weighed.sum(0)?)?;
            if self.gram.is_empty() {
                return Ok(());
            }
            let transposed = weighed.t()?;
            let positions = inputs.dims()[0];
            meter::count(positions * self.inputs * (self.inputs + self.outputs));
            add_tensor(&mut self.gram, &transposed.matmul(inputs)?)?;
            add_tensor(&mut self.cross, &transposed.matmul(targets)?)?;
        }
        Ok(())
    }
}

/// Multiplies each row by the weight of its position.
pub(super) fn weigh(rows: &Tensor, weights: Option<&Tensor>) -> Result<Tensor> {
    match weights {
        Some(weights) => rows.broadcast_mul(weights),
        None => Ok(rows.clone()),
    }
}

/// Returns the total weight of all rows.
pub(super) fn weight(rows: &Tensor, weights: Option<&Tensor>) -> Result<f64> {
    match weights {
        Some(weights) => Ok(f64::from(weights.sum_all()?.to_scalar::<f32>()?)),
        None => Ok(rows.dims()[0] as f64),
    }
}
