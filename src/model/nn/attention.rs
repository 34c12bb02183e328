//! Scaled dot-product attention over rows of one length.

use candle_core::{D, Result, Tensor};

use super::meter;

/// `softmax(q k^T / sqrt(head_dim)) v`, head by head; all `[rows, length, heads * head_dim]`. There
/// is no padding, so there is no mask.
///
/// # Errors
/// When shapes do not fit.
pub fn attend(query: &Tensor, key: &Tensor, value: &Tensor, head_dim: usize) -> Result<Tensor> {
    let (rows, length, width) = query.dims3()?;
    if width == 0 {
        return Ok(query.clone());
    }
    let heads = width / head_dim;
    let by_head = |tensor: &Tensor| {
        tensor
            .reshape((rows, length, heads, head_dim))?
            .transpose(1, 2)?
            .contiguous()
    };
    meter::count(2 * rows * length * length * width);
    let query = (by_head(query)? * (head_dim as f64).powf(-0.5))?;
    let scores = query.matmul(&by_head(key)?.transpose(D::Minus1, D::Minus2)?)?;
    let weights = candle_nn::ops::softmax_last_dim(&scores)?;
    let context = weights.matmul(&by_head(value)?)?;
    context.transpose(1, 2)?.reshape((rows, length, width))
}
