//! Bilinear resizing of maps and its transposed map.
//!
//! The centers of pixels are at half-integers, and a map is continued by its outermost pixels. A smaller result is not
//! smoothed before: each pixel is read from the nearest four. This is `interpolate` of torch with `mode="bilinear"`,
//! `align_corners=False` and `antialias=False`.

use candle_core::{Result, Tensor};

use super::kernel::Path;
use super::kernel::taps::{self, Taps};
use super::storage::{filled, on_cpu, read};
use super::traced::Traced;
use super::unfold::check;
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

/// Resizes a map from one size to another: `[rows, height * width, channels]` to `[rows, height' * width', channels]`.
///
/// # Errors
/// Returns an error if the map has another size, or if it is empty and the result is not.
pub fn forward(map: &Tensor, from: [usize; 2], to: [usize; 2]) -> Result<Tensor> {
    check(map, from)?;
    match from == to {
        true => Ok(map.clone()),
        false => apply(map, &axes(from, to)?),
    }
}

/// Writes the resizing of planes into an ONNX graph: `[rows, channels, height, width]` to
/// `[rows, channels, height', width']`.
#[must_use]
pub fn onnx(graph: &mut Graph, planes: &Value, from: [usize; 2], to: [usize; 2]) -> Value {
    if from == to {
        return planes.clone();
    }
    let channels = graph.sizes(planes, 0..2);
    let size = graph.ints(&to.map(|side| side as i64));
    let shape = graph.concat(&[&channels, &size], 0);
    let [resized] = graph.results(
        "Resize",
        &[Some(planes), None, None, Some(&shape)],
        &[
            ("mode", Attribute::Text("linear")),
            (
                "coordinate_transformation_mode",
                Attribute::Text("half_pixel"),
            ),
        ],
    );
    resized
}

/// Computes the same as [`forward`], with a pullback.
///
/// # Errors
/// Returns an error if the map has another size, or if it is empty and the result is not.
pub fn traced(map: &Tensor, from: [usize; 2], to: [usize; 2]) -> Result<Traced> {
    let value = forward(map, from, to)?;
    if from == to {
        return Ok(Traced::identity(map));
    }
    let back = axes(from, to)?.map(|axis| axis.transposed());
    Ok(Traced {
        value,
        pull: Box::new(move |cotangent| apply(&cotangent, &back)),
    })
}

/// Returns the weights of the pixels along the height and the width.
fn axes(from: [usize; 2], to: [usize; 2]) -> Result<[Taps; 2]> {
    if from.contains(&0) && !to.contains(&0) {
        candle_core::bail!("a map without pixels cannot be resized to {to:?} pixels");
    }
    Ok([along(from[0], to[0]), along(from[1], to[1])])
}

/// Returns the weights along a side of `from` pixels that is resized to `to` pixels.
fn along(from: usize, to: usize) -> Taps {
    let ratio = from as f64 / to as f64;
    let of = (0..to).map(|result| {
        let place = ((result as f64 + 0.5) * ratio - 0.5).max(0.0);
        let first = place as usize;
        let part = place - first as f64;
        match part > 0.0 && first + 1 < from {
            true => vec![(first, 1.0 - part), (first + 1, part)],
            false => vec![(first, 1.0)],
        }
    });
    Taps::new(from, of.collect())
}

/// Applies linear maps along the height and the width.
fn apply(map: &Tensor, [down, right]: &[Taps; 2]) -> Result<Tensor> {
    let (rows, _, channels) = map.dims3()?;
    let ((tall, height), (wide, width)) = (down.shape(), right.shape());
    let shape = (rows, tall * wide, channels);
    if on_cpu(map) {
        return filled(shape, |out| {
            read([&map.contiguous()?], |[map]| {
                taps::apply(map, out, [down, right], channels, Path::Fastest);
            })
        });
    }
    let matrix = |taps: &Taps| {
        let matrix = Tensor::from_vec(taps.dense(), taps.shape(), map.device())?;
        matrix.to_dtype(map.dtype())
    };
    let lines = map.reshape((rows, height, width * channels))?;
    let lines = matrix(down)?.broadcast_matmul(&lines)?;
    let pixels = lines.reshape((rows * tall, width, channels))?;
    matrix(right)?.broadcast_matmul(&pixels)?.reshape(shape)
}
