//! Group normalization of maps: the mean and the variance are those of all positions and of some neighboring channels.

use candle_core::{Result, Tensor};

use super::kernel::Path;
use super::kernel::group_norm::{self, Norm};
use super::storage::{filled, on_cpu, read, rewrite};
use super::traced::{Traced, by_copy};
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

/// `(x - mean) / sqrt(variance + epsilon) * weight + bias`, where each row has a mean and a variance for each group of
/// channels.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    weight: Tensor,
    bias: Tensor,
    groups: usize,
    epsilon: f32,
}

impl GroupNorm {
    /// Creates a norm from weight and bias, both `[channels]`. Each of the `groups` groups has `channels / groups`
    /// neighboring channels. If whole groups are removed, the norm of the others is the same. There may be no group.
    ///
    /// # Errors
    /// Returns an error if the channels do not divide into the groups.
    pub fn new(weight: Tensor, bias: Tensor, groups: usize, epsilon: f64) -> Result<Self> {
        let channels = weight.dims1()?;
        if bias.dims1()? != channels || !channels.is_multiple_of(groups) {
            candle_core::bail!("{channels} channels do not divide into {groups} groups");
        }
        Ok(Self {
            weight,
            bias,
            groups,
            epsilon: epsilon as f32,
        })
    }

    /// Returns the number of channels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.weight.elem_count()
    }

    /// Writes the norm of planes of this size into an ONNX graph: `[rows, channels, height, width]` to the same shape.
    ///
    /// # Errors
    /// Returns an error if a weight cannot be read.
    pub fn onnx(
        &self,
        graph: &mut Graph,
        planes: &Value,
        [height, width]: [usize; 2],
    ) -> Result<Value> {
        let channels = self.width();
        let groups = graph.reshape(planes, &[0, self.groups as i64, -1]);
        let ones = graph.floats(&[self.groups], &vec![1.0; self.groups]);
        let zeros = graph.floats(&[self.groups], &vec![0.0; self.groups]);
        let standard = graph.apply_with(
            "InstanceNormalization",
            &[&groups, &ones, &zeros],
            &[("epsilon", Attribute::Float(self.epsilon))],
        );
        let standard = graph.reshape(
            &standard,
            &[0, channels as i64, height as i64, width as i64],
        );
        let weight = graph.weight(&self.weight.reshape((channels, 1, 1))?);
        let bias = graph.weight(&self.bias.reshape((channels, 1, 1))?);
        let scaled = graph.apply("Mul", &[&standard, &weight]);
        Ok(graph.apply("Add", &[&scaled, &bias]))
    }

    /// Applies the norm: `[rows, positions, channels]` to the same shape.
    ///
    /// # Errors
    /// Returns an error if the map has another number of channels.
    pub fn forward(&self, map: &Tensor) -> Result<Tensor> {
        self.check(map)?;
        if map.elem_count() == 0 {
            return Ok(map.clone());
        }
        if !on_cpu(map) {
            return self.scale_and_shift(&self.standardise(map)?.0);
        }
        let row = row(map)?;
        filled(map.shape(), |out| {
            read([&map.contiguous()?], |[map]| {
                self.with_norm(|norm| group_norm::normalise(map, out, row, norm, Path::Fastest))
            })?
        })
    }

    /// Computes the same as [`forward`](Self::forward), with a pullback.
    ///
    /// # Errors
    /// Returns an error if the map has another number of channels.
    pub fn traced(&self, map: &Tensor) -> Result<Traced> {
        self.check(map)?;
        if map.elem_count() == 0 {
            return Ok(Traced::identity(map));
        }
        if !on_cpu(map) {
            return self.traced_plainly(map);
        }
        let value = self.forward(map)?;
        let (row, map) = (row(map)?, map.contiguous()?);
        let moments = read([&map], |[map]| {
            self.with_norm(|norm| group_norm::moments(map, row, norm, Path::Fastest))
        })??;
        let own = self.clone();
        Ok(Traced {
            value,
            pull: Box::new(move |cotangent| {
                let cotangent = cotangent.contiguous()?;
                rewrite(&cotangent, &|values| {
                    read([&map], |[map]| {
                        own.with_norm(|norm| {
                            group_norm::pull(values, map, &moments, row, norm, Path::Fastest);
                        })
                    })?
                })?;
                Ok(cotangent)
            }),
        })
    }

    /// Calls `run` with the numbers of the norm, which are on the CPU.
    fn with_norm<T>(&self, run: impl FnOnce(Norm<'_>) -> T) -> Result<T> {
        read([&self.weight, &self.bias], |[weight, bias]| {
            run(Norm {
                weight,
                bias,
                groups: self.groups,
                epsilon: self.epsilon,
            })
        })
    }

    /// Returns `(x - mean) / sqrt(variance + epsilon)`, `[rows, positions, groups, size]`, and
    /// `1 / sqrt(variance + epsilon)`, `[rows, 1, groups, 1]`, computed with candle's own operations.
    fn standardise(&self, map: &Tensor) -> Result<(Tensor, Tensor)> {
        let map = self.by_group(map)?;
        let centred = map.broadcast_sub(&mean(&map)?)?;
        let variance = mean(&centred.sqr()?)?;
        let scale = (variance + f64::from(self.epsilon))?.sqrt()?.recip()?;
        Ok((centred.broadcast_mul(&scale)?, scale))
    }

    /// Multiplies by the weight and adds the bias.
    fn scale_and_shift(&self, standard: &Tensor) -> Result<Tensor> {
        standard
            .flatten_from(2)?
            .broadcast_mul(&self.weight)?
            .broadcast_add(&self.bias)
    }

    /// Computes the same as [`traced`](Self::traced) with candle's own operations.
    fn traced_plainly(&self, map: &Tensor) -> Result<Traced> {
        let (standard, scale) = self.standardise(map)?;
        let own = self.clone();
        Ok(Traced {
            value: self.scale_and_shift(&standard)?,
            pull: Box::new(move |cotangent| {
                let weighed = own.by_group(&cotangent.broadcast_mul(&own.weight)?)?;
                let weighed = by_copy(&weighed, &standard)?;
                let mean = |of: &Tensor| of.mean_keepdim((2, 4));
                let along = mean(&weighed.broadcast_mul(&standard)?)?;
                let centred = weighed.broadcast_sub(&mean(&weighed)?)?;
                let across = (centred - along.broadcast_mul(&standard)?)?;
                across.broadcast_mul(&scale)?.reshape(cotangent.shape())
            }),
        })
    }

    /// Returns the channels of a map by group: `[rows, positions, channels]` to `[rows, positions, groups, size]`.
    fn by_group(&self, map: &Tensor) -> Result<Tensor> {
        let (rows, positions, channels) = map.dims3()?;
        map.reshape((rows, positions, self.groups, channels / self.groups))
    }

    fn check(&self, map: &Tensor) -> Result<()> {
        if map.dims3()?.2 != self.width() {
            candle_core::bail!("the numbers of channels of the group norm and its input differ");
        }
        Ok(())
    }
}

/// Returns the number of floats in a row of a map.
fn row(map: &Tensor) -> Result<usize> {
    let (_, positions, channels) = map.dims3()?;
    Ok(positions * channels)
}

/// Returns the mean over positions and channels of each group, `[rows, 1, groups, 1]`.
fn mean(map: &Tensor) -> Result<Tensor> {
    map.mean_keepdim((1, 3))
}
