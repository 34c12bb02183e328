//! Layer normalization over the last dimension.

use candle_core::{D, Result, Tensor};

use super::kernel::Path;
use super::kernel::norm::{self, Addends, Norm};
use super::linear::Linear;
use super::storage::{on_cpu, read, rewrite};
use super::traced::{Traced, by_copy};
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias`.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

impl LayerNorm {
    /// Creates a norm from weight and bias, both `[hidden]`.
    #[must_use]
    pub fn new(weight: Tensor, bias: Tensor, epsilon: f64) -> Self {
        Self {
            weight,
            bias,
            epsilon: epsilon as f32,
        }
    }

    /// Returns the number of channels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.weight.elem_count()
    }

    /// Applies the norm: `[.., hidden]` to the same shape.
    ///
    /// # Errors
    /// Returns an error if the last dimension is not `hidden`.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        if !on_cpu(input) {
            return self.scale_and_shift(&self.standardise(input)?.0);
        }
        self.check_width(input)?;
        let output = input.contiguous()?.copy()?;
        rewrite(&output, &|values| {
            read([&self.weight, &self.bias], |[weight, bias]| {
                let epsilon = self.epsilon;
                let norm = Norm {
                    weight,
                    bias,
                    epsilon,
                };
                norm::normalise(values, None, norm, Path::Fastest);
            })
        })?;
        Ok(output)
    }

    /// Writes the norm into an ONNX graph: `[.., hidden]` to the same shape.
    #[must_use]
    pub fn onnx(&self, graph: &mut Graph, input: &Value) -> Value {
        let (weight, bias) = (graph.weight(&self.weight), graph.weight(&self.bias));
        let settings = [
            ("axis", Attribute::Int(-1)),
            ("epsilon", Attribute::Float(self.epsilon)),
        ];
        graph.apply_with("LayerNormalization", &[input, &weight, &bias], &settings)
    }

    /// Computes the norm of `linear(input) + residual`: `[.., in]` and `[.., hidden]` to `[.., hidden]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
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
            candle_core::bail!("the shapes of the residual and the projection do not match");
        }
        self.check_width(&product)?;
        let added = linear.bias_or_zeros()?;
        let parts = [&added, residual, &self.weight, &self.bias];
        rewrite(&product, &|values| {
            read(parts, |[added, residual, weight, bias]| {
                let addends = Addends {
                    bias: added,
                    residual,
                };
                let epsilon = self.epsilon;
                let norm = Norm {
                    weight,
                    bias,
                    epsilon,
                };
                norm::normalise(values, Some(addends), norm, Path::Fastest);
            })
        })?;
        Ok(product)
    }

    /// Computes the same as [`forward`](Self::forward), with a pullback.
    ///
    /// # Errors
    /// Returns an error if the last dimension is not `hidden`.
    pub fn traced(&self, input: &Tensor) -> Result<Traced> {
        if !on_cpu(input) {
            return self.traced_plainly(input);
        }
        let value = self.forward(input)?;
        let mut standard = input.flatten_all()?.to_vec1::<f32>()?;
        let width = self.weight.elem_count();
        let scales = norm::standardise(&mut standard, width, self.epsilon, Path::Fastest);
        let weight = self.weight.clone();
        Ok(Traced {
            value,
            pull: Box::new(move |cotangent| {
                let cotangent = cotangent.contiguous()?;
                rewrite(&cotangent, &|values| {
                    read([&weight], |[weight]| {
                        norm::pull(values, &standard, &scales, weight, Path::Fastest);
                    })
                })?;
                Ok(cotangent)
            }),
        })
    }

    /// Returns `(x - mean) / sqrt(variance + epsilon)` and `1 / sqrt(variance + epsilon)`, computed with candle's own
    /// operations.
    fn standardise(&self, input: &Tensor) -> Result<(Tensor, Tensor)> {
        let centred = input.broadcast_sub(&input.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let scale = (variance + f64::from(self.epsilon))?.sqrt()?.recip()?;
        Ok((centred.broadcast_mul(&scale)?, scale))
    }

    /// Multiplies by the weight and adds the bias.
    fn scale_and_shift(&self, standard: &Tensor) -> Result<Tensor> {
        standard
            .broadcast_mul(&self.weight)?
            .broadcast_add(&self.bias)
    }

    /// Computes the same as [`traced`](Self::traced) with candle's own operations.
    fn traced_plainly(&self, input: &Tensor) -> Result<Traced> {
        let last = D::Minus1;
        let (standard, scale) = self.standardise(input)?;
        let weight = self.weight.clone();
        Ok(Traced {
            value: self.scale_and_shift(&standard)?,
            pull: Box::new(move |cotangent| {
                let weighed = by_copy(&cotangent, &standard)?.broadcast_mul(&weight)?;
                let along = weighed.broadcast_mul(&standard)?.mean_keepdim(last)?;
                let centred = weighed.broadcast_sub(&weighed.mean_keepdim(last)?)?;
                let across = (centred - along.broadcast_mul(&standard)?)?;
                across.broadcast_mul(&scale)?.reshape(cotangent.shape())
            }),
        })
    }

    fn check_width(&self, input: &Tensor) -> Result<()> {
        if input.dims().last() != self.weight.dims().last() {
            candle_core::bail!("the widths of the layer norm and its input do not match");
        }
        Ok(())
    }
}
