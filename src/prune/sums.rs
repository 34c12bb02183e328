//! Sums in f64 over batches whose values are computed in f32.

use candle_core::{Result, Tensor};

/// Adds the values of a tensor, row-major.
///
/// # Errors
/// Does not fail for f32 tensors.
pub fn add_tensor(sums: &mut [f64], values: &Tensor) -> Result<()> {
    let values = values.flatten_all()?.to_vec1::<f32>()?;
    let sums = sums.iter_mut().zip(values);
    sums.for_each(|(sum, value)| *sum += f64::from(value));
    Ok(())
}

/// Adds other sums.
pub fn add(sums: &mut [f64], others: &[f64]) {
    let sums = sums.iter_mut().zip(others);
    sums.for_each(|(sum, other)| *sum += other);
}
