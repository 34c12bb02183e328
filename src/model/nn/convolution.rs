//! A convolution of a feature map, as a linear map of its unfolded positions.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::activation::Activation;
use super::biased::{finish_product, finish_traced};
use super::kernel::product::{View, multiply};
use super::kernel::unfold::{gather, scatter};
use super::kernel::window::Window;
use super::linear::Linear;
use super::meter;
use super::storage::{filled, on_cpu, read};
use super::traced::Traced;
use super::unfold::{check, fold, unfold};

/// Number of floats of unfolded positions that are multiplied at once. They stay in the second level of the cache.
const TILE: usize = 3 << 15;

/// Minimum number of unfolded positions that are multiplied at once, so that the weight is not read too often.
const MIN_POSITIONS: usize = 96;

/// `y = W * x + b`: `[rows, pixels, channels]` to `[rows, windows, out]`.
#[derive(Clone, Debug)]
pub struct Convolution {
    window: Window,
    /// The map of an unfolded position, with weight `[out, channels * side * side]`.
    linear: Linear,
    /// The same weight, `[side * side * channels, out]`: the inputs are ordered by pixel, then by channel.
    by_pixel: Tensor,
}

impl Convolution {
    /// Creates a convolution from a linear map of unfolded positions.
    ///
    /// # Errors
    /// Returns an error if the number of inputs is not a multiple of the pixels of the window.
    pub fn new(linear: Linear, window: Window) -> Result<Self> {
        let (outputs, inputs) = linear.weight().dims2()?;
        let channels = inputs / window.pixels();
        let weight = linear
            .weight()
            .reshape((outputs, channels, window.pixels()))?;
        let by_pixel = weight.permute((2, 1, 0))?.contiguous()?;
        Ok(Self {
            window,
            linear,
            by_pixel: by_pixel.reshape((inputs, outputs))?,
        })
    }

    /// Returns the window.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// Returns the map of an unfolded position.
    #[must_use]
    pub fn linear(&self) -> &Linear {
        &self.linear
    }

    /// Applies the convolution to a map of this size, and then the activation, if there is one.
    ///
    /// # Errors
    /// Returns an error if the map has another size or another number of channels.
    pub fn forward(
        &self,
        map: &Tensor,
        size: [usize; 2],
        activation: Option<Activation>,
    ) -> Result<Tensor> {
        let product = self.product(map, size)?;
        finish_product(product, &self.linear.bias_or_zeros()?, activation)
    }

    /// Computes the same as [`forward`](Self::forward), with a pullback.
    ///
    /// # Errors
    /// Returns an error if the map has another size or another number of channels.
    pub fn traced(
        &self,
        map: &Tensor,
        size: [usize; 2],
        activation: Option<Activation>,
    ) -> Result<Traced> {
        let Traced { value, pull } = match activation {
            Some(activation) => {
                let product = self.product(map, size)?;
                finish_traced(product, &self.linear.bias_or_zeros()?, activation)?
            }
            None => Traced::identity(&self.forward(map, size, None)?),
        };
        let convolution = self.clone();
        Ok(Traced {
            value,
            pull: Box::new(move |cotangent| convolution.pull(&pull(cotangent)?, size)),
        })
    }

    /// Pulls a cotangent back to a map of this size: `[rows, windows, out]` to `[rows, pixels, channels]`.
    ///
    /// # Errors
    /// Returns an error if the windows do not belong to such a map, or if the last dimension is not `out`.
    pub fn pull(&self, cotangent: &Tensor, size: [usize; 2]) -> Result<Tensor> {
        let (inputs, outputs) = (self.linear.inputs(), self.linear.outputs());
        if !self.is_tiled(cotangent) {
            return fold(&self.linear.pull(cotangent)?, size, self.window);
        }
        let (rows, windows, width) = cotangent.dims3()?;
        if width != outputs || windows != self.window.over(size).iter().product::<usize>() {
            candle_core::bail!("the cotangent does not belong to a map of {size:?} pixels");
        }
        let (pixels, channels) = (
            size.iter().product::<usize>(),
            inputs / self.window.pixels(),
        );
        meter::count(rows * windows * inputs * outputs);
        filled((rows, pixels, channels), |out| {
            read(
                [&cotangent.contiguous()?, &self.by_pixel],
                |[given, weight]| {
                    let weight = View::rows_of(weight, inputs, outputs, outputs).transposed();
                    let of_rows = given.par_chunks((windows * outputs).max(1));
                    let of_rows = of_rows.zip(out.par_chunks_mut((pixels * channels).max(1)));
                    of_rows.for_each_init(Vec::new, |unfolded, (given, out)| {
                        out.fill(0.0);
                        let tiles = given.chunks(self.positions() * outputs).enumerate();
                        for (tile, given) in tiles {
                            let count = given.len() / outputs;
                            unfolded.resize(count * inputs, 0.0);
                            let given = View::rows_of(given, count, outputs, outputs);
                            multiply(unfolded, inputs, given, weight);
                            let first = tile * self.positions();
                            scatter(unfolded, out, size, channels, self.window, first);
                        }
                    });
                },
            )
        })
    }

    /// Returns the number of unfolded positions that are multiplied at once.
    fn positions(&self) -> usize {
        (TILE / self.linear.inputs().max(1)).max(MIN_POSITIONS)
    }

    /// Whether maps like this one are unfolded in tiles.
    fn is_tiled(&self, like: &Tensor) -> bool {
        let (inputs, outputs) = (self.linear.inputs(), self.linear.outputs());
        self.window != Window::PIXEL && on_cpu(like) && inputs > 0 && outputs > 0
    }

    /// Returns the convolution without its bias, in newly allocated memory.
    fn product(&self, map: &Tensor, size: [usize; 2]) -> Result<Tensor> {
        let channels = check(map, size)?;
        let (inputs, outputs) = (self.linear.inputs(), self.linear.outputs());
        if channels * self.window.pixels() != inputs {
            candle_core::bail!("a convolution received a map of {channels} channels");
        }
        if !self.is_tiled(map) {
            return self.linear.product(&unfold(map, size, self.window)?);
        }
        let windows: usize = self.window.over(size).iter().product();
        let rows = map.dim(0)?;
        meter::count(rows * windows * inputs * outputs);
        filled((rows, windows, outputs), |out| {
            read([&map.contiguous()?, &self.by_pixel], |[map, weight]| {
                let weight = View::rows_of(weight, inputs, outputs, outputs);
                let positions = self.positions();
                let tiles = out.par_chunks_mut(positions * outputs).enumerate();
                tiles.for_each_init(Vec::new, |unfolded, (tile, out)| {
                    let count = out.len() / outputs;
                    unfolded.resize(count * inputs, 0.0);
                    gather(map, unfolded, size, channels, self.window, tile * positions);
                    let unfolded = View::rows_of(unfolded, count, inputs, inputs);
                    multiply(out, outputs, unfolded, weight);
                });
            })
        })
    }
}
