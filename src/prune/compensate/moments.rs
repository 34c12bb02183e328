//! First and second moments of a linear map's inputs and targets, summed batch by batch.

use candle_core::{Result, Tensor};

/// Sums over tokens; products in f32 within a batch, sums in f64 across them.
pub struct Moments {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// Tokens seen.
    pub count: usize,
    /// Sum of the inputs, `[inputs]`.
    pub input_sum: Vec<f64>,
    /// Sum of the targets, `[outputs]`.
    pub target_sum: Vec<f64>,
    /// `X^T X`, `[inputs, inputs]`.
    pub gram: Vec<f64>,
    /// `X^T Y`, `[inputs, outputs]`.
    pub cross: Vec<f64>,
}

impl Moments {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            count: 0,
            input_sum: vec![0.0; inputs],
            target_sum: vec![0.0; outputs],
            gram: vec![0.0; inputs * inputs],
            cross: vec![0.0; inputs * outputs],
        }
    }

    /// Adds a batch: inputs `[tokens, inputs]`, targets `[tokens, outputs]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn add(&mut self, inputs: &Tensor, targets: &Tensor) -> Result<()> {
        self.count += inputs.dims()[0];
        add_to(&mut self.target_sum, &targets.sum(0)?)?;
        if self.inputs > 0 {
            let transposed = inputs.t()?;
            add_to(&mut self.input_sum, &inputs.sum(0)?)?;
            add_to(&mut self.gram, &transposed.matmul(inputs)?)?;
            add_to(&mut self.cross, &transposed.matmul(targets)?)?;
        }
        Ok(())
    }
}

fn add_to(sums: &mut [f64], values: &Tensor) -> Result<()> {
    let values = values.flatten_all()?.to_vec1::<f32>()?;
    sums.iter_mut()
        .zip(values)
        .for_each(|(sum, value)| *sum += f64::from(value));
    Ok(())
}
