//! Pooling: means and maxima over regions of a feature map.

use candle_core::{Result, Tensor};

use super::kernel::pool::{self, Regions};
use super::kernel::window::Window;
use super::storage::{filled, on_cpu, read};
use super::traced::Traced;
use super::unfold::check;

/// What is computed over a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean.
    Mean,
    /// The maximum.
    Max,
}

/// Returns the pixels of each window over a map. Padding belongs to no region.
#[must_use]
pub fn windows(size: [usize; 2], window: Window) -> Regions {
    let count: usize = window.over(size).iter().product();
    Regions::new((0..count).map(|position| {
        let sources = window.sources(size, position).flatten();
        sources.map(|pixel| pixel as u32).collect()
    }))
}

/// Returns the regions of an adaptive pooling to `[down, right]` positions: position `i` of `n` covers the pixels
/// `floor(i size / n) .. ceil((i + 1) size / n)` of a side.
#[must_use]
pub fn adaptive([height, width]: [usize; 2], [down, right]: [usize; 2]) -> Regions {
    let part =
        |at: usize, count: usize, size: usize| at * size / count..((at + 1) * size).div_ceil(count);
    let positions = (0..down).flat_map(|y| (0..right).map(move |x| (y, x)));
    Regions::new(positions.map(|(y, x)| {
        let rows = part(y, down, height);
        rows.flat_map(|y| part(x, right, width).map(move |x| (y * width + x) as u32))
            .collect()
    }))
}

/// Returns the squares of `side` pixels that cover a map. Those at the right and the lower edge can be smaller.
#[must_use]
pub fn squares([height, width]: [usize; 2], side: usize) -> Regions {
    let parts = |size: usize| {
        (0..size)
            .step_by(side)
            .map(move |at| at..size.min(at + side))
    };
    let positions =
        parts(height).flat_map(|rows| parts(width).map(move |part| (rows.clone(), part)));
    Regions::new(positions.map(|(rows, part)| {
        rows.flat_map(|y| part.clone().map(move |x| (y * width + x) as u32))
            .collect()
    }))
}

/// Pools a map of this size: `[rows, pixels, channels]` to `[rows, regions, channels]`.
///
/// # Errors
/// Returns an error if the map has another size.
pub fn forward(
    pooling: Pooling,
    map: &Tensor,
    size: [usize; 2],
    regions: &Regions,
) -> Result<Tensor> {
    let channels = check(map, size)?;
    let pixels = map.dim(1)?;
    if !on_cpu(map) {
        let table = Table::of(regions, map)?;
        let pixels = table.pixels_of(map)?;
        return match pooling {
            Pooling::Mean => pixels.broadcast_mul(&table.shares)?.sum(2),
            Pooling::Max => pixels.max(2),
        };
    }
    filled((map.dim(0)?, regions.len(), channels), |out| {
        read([&map.contiguous()?], |[map]| match pooling {
            Pooling::Mean => pool::mean(map, out, regions, pixels, channels),
            Pooling::Max => pool::max(map, out, regions, pixels, channels),
        })
    })
}

/// Computes the same as [`forward`], with a pullback. The cotangent on a maximum goes to the first pixel that has it.
///
/// # Errors
/// Returns an error if the map has another size.
pub fn traced(
    pooling: Pooling,
    map: &Tensor,
    size: [usize; 2],
    regions: Regions,
) -> Result<Traced> {
    let value = forward(pooling, map, size, &regions)?;
    let (_, pixels, channels) = map.dims3()?;
    if !on_cpu(map) {
        return traced_plainly(pooling, map, &regions, value);
    }
    let row = regions.len() * channels;
    let places = match pooling {
        Pooling::Mean => Vec::new(),
        Pooling::Max => read([&map.contiguous()?], |[map]| {
            pool::places(map, &regions, pixels, channels)
        })?,
    };
    Ok(Traced {
        value,
        pull: Box::new(move |cotangent| {
            filled((cotangent.dim(0)?, pixels, channels), |out| {
                read([&cotangent.contiguous()?], |[cotangent]| match pooling {
                    Pooling::Mean => pool::pull_mean(cotangent, out, &regions, channels),
                    Pooling::Max => pool::pull_max(cotangent, out, &places, row, channels),
                })
            })
        }),
    })
}

/// The regions as tensors, all of the same size. Smaller regions repeat their first pixel with a share of 0.
struct Table {
    /// The pixels of all regions, `[regions * most]`.
    pixels: Tensor,
    /// The share of each pixel in the mean of its region, `[regions, most, 1]`.
    shares: Tensor,
}

impl Table {
    fn of(regions: &Regions, map: &Tensor) -> Result<Self> {
        let device = map.device();
        let all = || (0..regions.len()).map(|region| regions.of(region));
        let most = all().map(<[u32]>::len).max().unwrap_or(0);
        let (mut pixels, mut shares) = (Vec::<u32>::new(), Vec::<f32>::new());
        for region in all() {
            let more = most - region.len();
            pixels.extend(region);
            pixels.extend(std::iter::repeat_n(region[0], more));
            shares.extend(region.iter().map(|_| 1.0 / region.len() as f32));
            shares.extend(std::iter::repeat_n(0.0, more));
        }
        Ok(Self {
            pixels: Tensor::new(pixels, device)?,
            shares: Tensor::from_vec(shares, (regions.len(), most, 1), device)?
                .to_dtype(map.dtype())?,
        })
    }

    /// Returns the pixels of each region, `[rows, regions, most, channels]`.
    fn pixels_of(&self, map: &Tensor) -> Result<Tensor> {
        let (rows, _, channels) = map.dims3()?;
        let (regions, most, _) = self.shares.dims3()?;
        let pixels = map.index_select(&self.pixels, 1)?;
        pixels.reshape((rows, regions, most, channels))
    }
}

/// Computes the same as [`traced`] with candle's own operations.
fn traced_plainly(
    pooling: Pooling,
    map: &Tensor,
    regions: &Regions,
    value: Tensor,
) -> Result<Traced> {
    let (rows, pixels, channels) = map.dims3()?;
    let table = Table::of(regions, map)?;
    let (count, most, _) = table.shares.dims3()?;
    let shape = (rows, count, most, channels);
    let weights = match pooling {
        Pooling::Mean => table.shares.broadcast_as(shape)?.contiguous()?,
        Pooling::Max => {
            let best = table.pixels_of(map)?.argmax_keepdim(2)?;
            let places = Tensor::arange(0u32, most as u32, map.device())?;
            let places = places.reshape((1, 1, most, 1))?.broadcast_as(shape)?;
            places
                .eq(&best.broadcast_as(shape)?)?
                .to_dtype(map.dtype())?
        }
    };
    Ok(Traced {
        value,
        pull: Box::new(move |cotangent| {
            let copies = cotangent.dim(0)? / rows;
            let weights = weights.repeat((copies, 1, 1, 1))?;
            let each = cotangent.unsqueeze(2)?.broadcast_mul(&weights)?;
            let each = each.reshape((copies * rows, count * most, channels))?;
            let sums = (copies * rows, pixels, channels);
            let sums = Tensor::zeros(sums, each.dtype(), each.device())?;
            sums.index_add(&table.pixels, &each, 1)
        }),
    })
}
