//! Maps unfolded into the pixels of sliding windows, and the transposed map.
//!
//! A map is `[rows, height * width, channels]`, its pixels in raster order. The columns of an unfolded map are ordered by
//! channel, then by the pixel in the window. This is the order of the weight of a convolution `[out, channels, side, side]`,
//! so a convolution is a linear map of the unfolded positions, and a channel is `side * side` neighboring columns.

use candle_core::{Result, Tensor};

use super::kernel::unfold;
use super::kernel::window::Window;
use super::storage::{filled, on_cpu, read};

/// Unfolds a map of this size: `[rows, pixels, channels]` to `[rows, windows, channels * side * side]`.
///
/// # Errors
/// Returns an error if the map has another size.
pub fn unfold(map: &Tensor, size: [usize; 2], window: Window) -> Result<Tensor> {
    let channels = check(map, size)?;
    if window == Window::PIXEL {
        return Ok(map.clone());
    }
    let (rows, windows) = (map.dim(0)?, window.over(size).iter().product::<usize>());
    let shape = (rows, windows, channels * window.pixels());
    if on_cpu(map) {
        return filled(shape, |out| {
            read([&map.contiguous()?], |[map]| {
                unfold::unfold(map, out, size, channels, window);
            })
        });
    }
    // One more pixel of zeros stands for the padding.
    let zeros = Tensor::zeros((rows, 1, channels), map.dtype(), map.device())?;
    let padded = Tensor::cat(&[map, &zeros], 1)?;
    let pixels = padded.index_select(&table(map, size, window)?, 1)?;
    let pixels = pixels.reshape((rows, windows, window.pixels(), channels))?;
    pixels.transpose(2, 3)?.contiguous()?.reshape(shape)
}

/// Unfolds some windows of a map of this size, given by their places among the windows of all rows, `[rows * windows]`:
/// `[rows, pixels, channels]` to `[places, channels * side * side]`.
///
/// # Errors
/// Returns an error if the map has another size or a place does not exist.
pub fn unfold_at(map: &Tensor, size: [usize; 2], window: Window, places: &[u32]) -> Result<Tensor> {
    let channels = check(map, size)?;
    if !on_cpu(map) || window == Window::PIXEL {
        let unfolded = unfold(map, size, window)?.flatten(0, 1)?;
        return unfolded.index_select(&Tensor::new(places, map.device())?, 0);
    }
    let windows = map.dim(0)? * window.over(size).iter().product::<usize>();
    if places.iter().any(|&place| place as usize >= windows) {
        candle_core::bail!("a window does not belong to a map of {size:?} pixels");
    }
    filled((places.len(), channels * window.pixels()), |out| {
        read([&map.contiguous()?], |[map]| {
            unfold::unfold_at(map, out, size, channels, window, places);
        })
    })
}

/// Returns the sum over all windows of the values that belong to each pixel: `[rows, windows, channels * side * side]`
/// to `[rows, pixels, channels]`. It is the transposed map of [`unfold()`].
///
/// # Errors
/// Returns an error if the shape does not match.
pub fn fold(unfolded: &Tensor, size: [usize; 2], window: Window) -> Result<Tensor> {
    let (rows, windows, columns) = unfolded.dims3()?;
    let channels = columns / window.pixels();
    if windows != window.over(size).iter().product::<usize>() {
        candle_core::bail!("the windows do not belong to a map of {size:?} pixels");
    }
    if window == Window::PIXEL {
        return Ok(unfolded.clone());
    }
    let pixels: usize = size.iter().product();
    if on_cpu(unfolded) {
        return filled((rows, pixels, channels), |out| {
            read([&unfolded.contiguous()?], |[unfolded]| {
                unfold::fold(unfolded, out, size, channels, window);
            })
        });
    }
    let apart = unfolded.reshape((rows, windows, channels, window.pixels()))?;
    let apart = apart.transpose(2, 3)?.contiguous()?;
    let apart = apart.reshape((rows, windows * window.pixels(), channels))?;
    let sums = Tensor::zeros(
        (rows, pixels + 1, channels),
        unfolded.dtype(),
        unfolded.device(),
    )?;
    let sums = sums.index_add(&table(unfolded, size, window)?, &apart, 1)?;
    sums.narrow(1, 0, pixels)?.contiguous()
}

/// Returns the pixel at each pixel of each window. The number of pixels stands for padding.
fn table(like: &Tensor, size: [usize; 2], window: Window) -> Result<Tensor> {
    let (windows, pixels) = (window.over(size), size.iter().product::<usize>());
    let sources = (0..windows.iter().product()).flat_map(|at| window.sources(size, at));
    let sources: Vec<u32> = sources
        .map(|source| source.unwrap_or(pixels) as u32)
        .collect();
    Tensor::new(sources, like.device())
}

/// Returns the number of channels of a map.
///
/// # Errors
/// Returns an error if the map has another size.
pub(super) fn check(map: &Tensor, size: [usize; 2]) -> Result<usize> {
    let (_, pixels, channels) = map.dims3()?;
    if pixels != size.iter().product::<usize>() {
        candle_core::bail!("a map of {size:?} pixels was expected, but it has {pixels}");
    }
    Ok(channels)
}
