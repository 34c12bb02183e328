//! Position embeddings of maps as sines and cosines (Carion et al. 2020).

use std::f64::consts::TAU;

use candle_core::{Device, Result, Tensor};

/// The longest wavelength is this number times the shortest one.
const TEMPERATURE: f64 = 10_000.0;

/// Keeps the last coordinate below a full turn.
const EPSILON: f64 = 1e-6;

/// Returns the embeddings of the pixels of a map, f32 `[height * width, channels]`.
///
/// The first half of the channels depends on the row, the second half on the column. Along a side of `n` pixels, the
/// coordinates are `2 pi i / (n + 1e-6)` for `i` from 1. In a half of `c` channels, `t` is the coordinate divided by
/// `10000^(2 floor(k / 2) / c)`, and channel `k` is `sin(t)` for an even `k` and `cos(t)` for an odd one.
///
/// # Errors
/// Returns an error if the number of channels is not a multiple of 4.
pub fn embeddings([height, width]: [usize; 2], channels: usize, device: &Device) -> Result<Tensor> {
    if !channels.is_multiple_of(4) {
        candle_core::bail!("{channels} channels do not divide into sines and cosines of two axes");
    }
    let half = channels / 2;
    let [down, right] = [along(height, half), along(width, half)];
    let mut values = Vec::with_capacity(height * width * channels);
    for y in 0..height {
        for x in 0..width {
            values.extend_from_slice(&down[y * half..][..half]);
            values.extend_from_slice(&right[x * half..][..half]);
        }
    }
    Tensor::from_vec(values, (height * width, channels), device)
}

/// Returns the channels of one axis, `[size, channels]`.
fn along(size: usize, channels: usize) -> Vec<f32> {
    let value = |place: usize, channel: usize| {
        let angle = place as f64 / (size as f64 + EPSILON) * TAU;
        let exponent = (channel / 2 * 2) as f64 / channels as f64;
        let angle = angle / TEMPERATURE.powf(exponent);
        match channel % 2 {
            0 => angle.sin() as f32,
            _ => angle.cos() as f32,
        }
    };
    (1..=size)
        .flat_map(|place| (0..channels).map(move |channel| value(place, channel)))
        .collect()
}
