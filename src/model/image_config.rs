//! Reads the shape of images from `config.json`.

use serde_json::Value;

use super::batch::ImageShape;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;

/// Maximum height and width of an image, in pixels.
const MAX_SIDE: usize = 1 << 14;

/// Maximum number of channels of an image.
const MAX_CHANNELS: usize = 64;

/// Checks the shape of the images.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if it is out of range.
pub(in crate::model) fn checked(shape: ImageShape) -> Result<ImageShape, CheckpointError> {
    let ImageShape {
        height,
        width,
        channels,
        patch,
        ..
    } = shape;
    let sides = 1..=MAX_SIDE;
    let fits = sides.contains(&height)
        && sides.contains(&width)
        && (1..=height.min(width)).contains(&patch)
        && (1..=MAX_CHANNELS).contains(&channels);
    match fits {
        true => Ok(shape),
        false => Err(CheckpointError::Invalid(format!(
            "config.json describes images of {height} x {width} pixels with {channels} channels and patches of {patch} x {patch} \
             pixels; images must have 1 to {MAX_SIDE} pixels per side and 1 to {MAX_CHANNELS} channels, and hold a patch"
        ))),
    }
}

/// Returns a size in two dimensions: one number for both, or a list of two.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if it is neither.
pub(in crate::model) fn pair(
    config: &Config,
    key: &str,
    default: usize,
) -> Result<[usize; 2], CheckpointError> {
    match config.map().get(key) {
        Some(Value::Array(_)) => {
            let values = config.usize_list(key)?.unwrap_or_default();
            values.try_into().map_err(|values: Vec<usize>| {
                CheckpointError::Invalid(format!(
                    "config.json: {key} has {} numbers; it must be one number or two",
                    values.len()
                ))
            })
        }
        _ => Ok([config.usize_or(key, default)?; 2]),
    }
}
