//! The sum of multi-scale deformable attention (Zhu et al. 2021): each query reads a few places of several maps.
//!
//! The levels are maps of several sizes. Their positions lie one after another, and each position has a query. The
//! reference of a query is the center of its pixel, as a share of the width and the height of its own level. It stands
//! for the same share of all levels. A point is the reference plus an offset in pixels of the level. It reads the level
//! by bilinear interpolation, where pixels outside are zero, as `grid_sample` of torch does with `align_corners=False`.

use candle_core::{DType, Device, Result, Tensor};

use super::kernel::Path;
use super::kernel::deformable;
use super::kernel::levels::{Level, centers};
use super::kernel::sampling::{self, Grid, Plan};
use super::kernel::slopes::{self, Given};
use super::meter;
use super::storage::{filled, on_cpu, read};
use super::traced::Traced;

/// The places that the queries of some rows read, and their weights: a sparse linear map of the values for each head.
pub struct Sampling {
    grid: Grid,
    rows: usize,
    offsets: Tensor,
    weights: Tensor,
    pixels: Pixels,
}

/// Cotangents on what the sums are made of.
pub struct Parts {
    /// On the values, `[copies * rows, positions, heads * value]`.
    pub values: Tensor,
    /// On the offsets, `[copies * rows, queries, heads * levels * points * 2]`.
    pub offsets: Tensor,
    /// On the weights, `[copies * rows, queries, heads * levels * points]`.
    pub weights: Tensor,
}

/// The pixels that are read.
enum Pixels {
    /// For the kernel.
    Planned(Plan),
    /// For candle's own operations: one of the four pixels of the points on one level.
    Plain(Vec<Pixel>),
}

/// One of the four pixels of each point on a level.
struct Pixel {
    /// Its position, u32 `[rows * heads, queries * points, 1]`.
    places: Tensor,
    /// Its weight, `[rows * heads, queries, points, 1]`.
    weights: Tensor,
}

impl Sampling {
    /// Finds the pixels of all points. `sizes` are those of the levels, `[height, width]`, and each position of a level
    /// has a query. `offsets` are `[rows, queries, heads * levels * points * 2]`, in the order head, level, point,
    /// `(x, y)`, and `weights` are `[rows, queries, heads * levels * points]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match, or if a level is empty.
    pub fn new(
        sizes: &[[usize; 2]],
        heads: usize,
        points: usize,
        offsets: &Tensor,
        weights: &Tensor,
    ) -> Result<Self> {
        if sizes.iter().flatten().any(|&side| side == 0) {
            candle_core::bail!("a level has no pixels: {sizes:?}");
        }
        let grid = Grid::new(sizes, heads, points);
        // The kernel holds positions as f32.
        if grid.positions() >= 1 << 24 {
            candle_core::bail!("levels of {sizes:?} pixels are too large");
        }
        let rows = weights.dim(0)?;
        let shape = (rows, grid.positions(), grid.all_points());
        if weights.dims3()? != shape || offsets.dims3()? != (shape.0, shape.1, 2 * shape.2) {
            candle_core::bail!(
                "offsets {:?} and weights {:?} do not belong to {heads} heads with {points} points on each level of \
                 {sizes:?}",
                offsets.dims(),
                weights.dims()
            );
        }
        let pixels = match weights.elem_count() {
            0 => Pixels::Plain(Vec::new()),
            _ if on_cpu(weights) => {
                let both = [&offsets.contiguous()?, &weights.contiguous()?];
                Pixels::Planned(read(both, |[offsets, weights]| {
                    sampling::plan(&grid, offsets, weights, Path::Fastest)
                })?)
            }
            _ => Pixels::Plain(plain(&grid, offsets, weights)?),
        };
        Ok(Self {
            grid,
            rows,
            offsets: offsets.contiguous()?,
            weights: weights.contiguous()?,
            pixels,
        })
    }

    /// Reads the values: `[rows, positions, heads * value]` to `[rows, queries, heads * value]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn forward(&self, values: &Tensor) -> Result<Tensor> {
        if values.dim(0)? != self.rows {
            candle_core::bail!(
                "{:?} are not the values of {} rows",
                values.dims(),
                self.rows
            );
        }
        self.count(values)?;
        if values.elem_count() == 0 {
            return Ok(values.clone());
        }
        match &self.pixels {
            Pixels::Planned(plan) => filled(values.shape(), |out| {
                let (channels, grid) = (values.dim(2)?, &self.grid);
                read([&values.contiguous()?], |[values]| {
                    deformable::gather(grid, plan, values, out, channels, Path::Fastest);
                })
            }),
            Pixels::Plain(pixels) => {
                let values = self.by_head(values)?;
                let value = values.dim(2)?;
                let mut sum = values.zeros_like()?;
                for Pixel { places, weights } in pixels {
                    let (batch, queries, points, _) = weights.dims4()?;
                    let places = places.broadcast_as((batch, queries * points, value))?;
                    let read = values.gather(&places.contiguous()?, 1)?;
                    let read = read.reshape((batch, queries, points, value))?;
                    sum = (sum + read.broadcast_mul(weights)?.sum(2)?)?;
                }
                self.joined(&sum)
            }
        }
    }

    /// Computes the same as [`forward`](Self::forward), with a pullback to the values, the offsets and the weights.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn traced(self, values: &Tensor) -> Result<Traced<Tensor, Parts>> {
        let own = values.contiguous()?;
        Ok(Traced {
            value: self.forward(values)?,
            pull: Box::new(move |cotangent| {
                let [offsets, weights] = self.slopes(&own, &cotangent)?;
                Ok(Parts {
                    values: self.pull(&cotangent)?,
                    offsets,
                    weights,
                })
            }),
        })
    }

    /// Pulls a cotangent `[copies * rows, queries, heads * value]` back to the offsets and the weights. Other devices have
    /// no kernel for it, so the work is done on the CPU.
    fn slopes(&self, values: &Tensor, cotangent: &Tensor) -> Result<[Tensor; 2]> {
        self.count(cotangent)?;
        let (rows, queries, channels) = cotangent.dims3()?;
        let points = self.grid.all_points();
        let shapes = [(rows, queries, 2 * points), (rows, queries, points)];
        let (dtype, device) = (cotangent.dtype(), cotangent.device());
        if cotangent.elem_count() == 0 {
            let zeros = |shape| Tensor::zeros(shape, dtype, device);
            return Ok([zeros(shapes[0])?, zeros(shapes[1])?]);
        }
        let near = |tensor: &Tensor| {
            let near = tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            near.contiguous()
        };
        let all = [
            &near(&self.offsets)?,
            &near(&self.weights)?,
            &near(values)?,
            &near(cotangent)?,
        ];
        let slopes = read(all, |[offsets, weights, values, cotangent]| {
            let given = Given {
                offsets,
                weights,
                values,
            };
            slopes::slopes(&self.grid, given, cotangent, channels, Path::Fastest)
        })?;
        let far = |values: Vec<f32>, shape: (usize, usize, usize)| {
            let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
            tensor.to_dtype(dtype)?.to_device(device)
        };
        Ok([
            far(slopes.offsets, shapes[0])?,
            far(slopes.weights, shapes[1])?,
        ])
    }

    /// Pulls a cotangent `[copies * rows, queries, heads * value]` back to the values.
    fn pull(&self, cotangent: &Tensor) -> Result<Tensor> {
        self.count(cotangent)?;
        if cotangent.elem_count() == 0 {
            return Ok(cotangent.clone());
        }
        match &self.pixels {
            Pixels::Planned(plan) => filled(cotangent.shape(), |out| {
                let (channels, grid) = (cotangent.dim(2)?, &self.grid);
                read([&cotangent.contiguous()?], |[cotangent]| {
                    deformable::scatter(grid, plan, cotangent, out, channels, Path::Fastest);
                })
            }),
            Pixels::Plain(pixels) => {
                let copies = cotangent.dim(0)? / self.rows;
                let cotangent = self.by_head(cotangent)?;
                let (batch, queries, value) = cotangent.dims3()?;
                let mut sum = cotangent.zeros_like()?;
                for Pixel { places, weights } in pixels {
                    let points = weights.dim(2)?;
                    let each = cotangent.unsqueeze(2)?;
                    let each = each.broadcast_mul(&weights.repeat((copies, 1, 1, 1))?)?;
                    let shape = (batch, queries * points, value);
                    let places = places.repeat((copies, 1, 1))?.broadcast_as(shape)?;
                    sum = sum.scatter_add(&places.contiguous()?, &each.reshape(shape)?, 1)?;
                }
                self.joined(&sum)
            }
        }
    }

    /// Counts the products with values of this shape, `[copies * rows, positions, heads * value]`.
    ///
    /// # Errors
    /// Returns an error if the shape does not match.
    fn count(&self, values: &Tensor) -> Result<()> {
        let (rows, positions, channels) = values.dims3()?;
        let heads = self.grid.heads();
        let whole = rows.is_multiple_of(self.rows) && channels.is_multiple_of(heads);
        if !whole || positions != self.grid.positions() {
            candle_core::bail!("the values {:?} do not match", values.dims());
        }
        // Each point multiplies four pixels.
        let points = self.grid.all_points() / heads.max(1);
        meter::count(rows * positions * points * 4 * channels);
        Ok(())
    }

    /// Returns the channels by head: `[rows, positions, heads * value]` to `[rows * heads, positions, value]`.
    fn by_head(&self, values: &Tensor) -> Result<Tensor> {
        let (rows, positions, channels) = values.dims3()?;
        let heads = self.grid.heads();
        let values = values.reshape((rows, positions, heads, channels / heads))?;
        let values = values.transpose(1, 2)?.contiguous()?;
        values.reshape((rows * heads, positions, channels / heads))
    }

    /// Does the reverse of [`by_head`](Self::by_head).
    fn joined(&self, values: &Tensor) -> Result<Tensor> {
        let (batch, positions, value) = values.dims3()?;
        let heads = self.grid.heads();
        let values = values.reshape((batch / heads, heads, positions, value))?;
        let values = values.transpose(1, 2)?.contiguous()?;
        values.reshape((batch / heads, positions, heads * value))
    }
}

/// Finds the pixels of all points with candle's own operations.
fn plain(grid: &Grid, offsets: &Tensor, weights: &Tensor) -> Result<Vec<Pixel>> {
    let (rows, queries, _) = weights.dims3()?;
    let (heads, levels, points) = (grid.heads(), grid.levels(), grid.points());
    let weights = weights.reshape((rows, queries, heads, levels.len(), points))?;
    let offsets = offsets.reshape((rows, queries, heads, levels.len(), 2 * points))?;
    let centers = centers(levels);
    let mut pixels = Vec::new();
    for (index, level) in levels.iter().enumerate() {
        // `[rows, heads, queries, ..]` on this level.
        let own = |all: &Tensor| all.narrow(3, index, 1)?.squeeze(3)?.transpose(1, 2);
        let offsets = own(&offsets)?.contiguous()?;
        let offsets = offsets.reshape((rows, heads, queries, points, 2))?;
        let weights = own(&weights)?;
        let near = |axis: usize, size: usize| -> Result<[[Tensor; 2]; 2]> {
            let reference = centers
                .iter()
                .map(|center| center[axis] * size as f64 - 0.5);
            let reference = Tensor::from_iter(reference, weights.device())?;
            let reference = reference.reshape((1, 1, queries, 1))?;
            let offset = offsets.narrow(4, axis, 1)?.squeeze(4)?;
            nearest(
                &offset.broadcast_add(&reference.to_dtype(offset.dtype())?)?,
                size,
            )
        };
        let [columns, lines] = [near(0, level.width)?, near(1, level.height)?];
        for [line, down] in &lines {
            for [column, right] in &columns {
                let places = position(level, line, column)?;
                let places = places.contiguous()?;
                let weights = ((&weights * down)? * right)?.contiguous()?;
                pixels.push(Pixel {
                    places: places.reshape((rows * heads, queries * points, 1))?,
                    weights: weights.reshape((rows * heads, queries, points, 1))?,
                });
            }
        }
    }
    Ok(pixels)
}

/// Returns the two pixels around places along a side of `size` pixels, each with its weight. A pixel outside of the map
/// is replaced by one that weighs nothing.
fn nearest(places: &Tensor, size: usize) -> Result<[[Tensor; 2]; 2]> {
    let last = size as f64 - 1.0;
    let first = places.floor()?;
    let at = |step: f64| -> Result<[Tensor; 2]> {
        let pixel = (&first + step)?;
        let inside = (pixel.ge(0.0)? * pixel.le(last)?)?.to_dtype(places.dtype())?;
        let weight = ((places - &pixel)?.abs()?.neg()? + 1.0)?;
        Ok([pixel.clamp(0.0, last)?, (weight * inside)?])
    };
    Ok([at(0.0)?, at(1.0)?])
}

/// Returns the positions of pixels of a level.
fn position(level: &Level, line: &Tensor, column: &Tensor) -> Result<Tensor> {
    let place = ((line * level.width as f64)? + column)?;
    (place + level.first as f64)?.to_dtype(candle_core::DType::U32)
}
