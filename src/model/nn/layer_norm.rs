//! Layer normalisation over the last dimension.

use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Result, Tensor};

use super::kernel::Path;
use super::kernel::norm::{self, Addends, Norm};
use super::linear::Linear;
use super::storage::{on_cpu, read, slice, slice_mut};

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias`.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

impl LayerNorm {
    /// From weight and bias, both `[hidden]`.
    #[must_use]
    pub fn new(weight: Tensor, bias: Tensor, epsilon: f64) -> Self {
        Self {
            weight,
            bias,
            epsilon: epsilon as f32,
        }
    }

    /// `[.., hidden]` to the same shape.
    ///
    /// # Errors
    /// When the last dimension is not `hidden`.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        if !on_cpu(input) {
            return candle_nn::ops::layer_norm(input, &self.weight, &self.bias, self.epsilon);
        }
        self.check_width(input)?;
        let output = input.contiguous()?.copy()?;
        output.inplace_op1(&Normalise {
            norm: self,
            bias: None,
        })?;
        Ok(output)
    }

    /// The norm of `linear(input) + residual`, `[.., in]` and `[.., hidden]` to `[.., hidden]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn forward_sum(
        &self,
        linear: &Linear,
        input: &Tensor,
        residual: &Tensor,
    ) -> Result<Tensor> {
        if !on_cpu(input) || !residual.is_contiguous() {
            return self.forward(&(linear.forward(input)? + residual)?);
        }
        let product = linear.product(input)?;
        if product.shape() != residual.shape() {
            candle_core::bail!("a residual of another shape than its projection");
        }
        self.check_width(&product)?;
        let bias = Some(linear.bias());
        product.inplace_op2(residual, &Normalise { norm: self, bias })?;
        Ok(product)
    }

    fn check_width(&self, input: &Tensor) -> Result<()> {
        if input.dims().last() != self.weight.dims().last() {
            candle_core::bail!("a layer norm of another width than its input");
        }
        Ok(())
    }
}

/// The norm with candle's face on it. What it only reads stands in `self`: candle hands an operation
/// that writes in place no more than two others.
struct Normalise<'a> {
    norm: &'a LayerNorm,
    /// Added to every row first.
    bias: Option<&'a Tensor>,
}

impl Normalise<'_> {
    fn run(&self, values: &mut [f32], residual: Option<&[f32]>) -> Result<()> {
        let LayerNorm {
            weight,
            bias,
            epsilon,
        } = self.norm;
        read(weight, |weight| {
            read(bias, |bias| {
                let norm = Norm {
                    weight,
                    bias,
                    epsilon: *epsilon,
                };
                match (self.bias, residual) {
                    (Some(added), Some(residual)) => read(added, |bias| {
                        let addends = Some(Addends { bias, residual });
                        norm::normalise(values, addends, norm, Path::Fastest);
                    }),
                    _ => {
                        norm::normalise(values, None, norm, Path::Fastest);
                        Ok(())
                    }
                }
            })?
        })?
    }
}

impl InplaceOp1 for Normalise<'_> {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(&self, values: &mut CpuStorage, layout: &Layout) -> Result<()> {
        self.run(slice_mut(values, layout)?, None)
    }
}

impl InplaceOp2 for Normalise<'_> {
    fn name(&self) -> &'static str {
        "bias-residual-layer-norm"
    }

    fn cpu_fwd(
        &self,
        values: &mut CpuStorage,
        layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<()> {
        let residual = slice(residual, residual_layout)?;
        self.run(slice_mut(values, layout)?, Some(residual))
    }
}
