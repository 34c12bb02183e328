//! The settings of timm's models (`pretrained_cfg` in `config.json`), and what timm makes of them for an evaluation
//! (`transforms_imagenet_eval`).

use super::keys::{IMAGENET, Keys};
use super::steps::{Processor, Size};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::image_processor::pixels;
use crate::data::image::crop::{Crop, Halves};
use crate::data::image::resize::Filter;
use crate::model::batch::ImageShape;

/// The part of an image that is kept if the settings have none.
const CROP_SHARE: f64 = 0.875;

/// Returns the image processor with these settings.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if a setting is malformed or not supported.
pub(super) fn processor(keys: &Keys<'_>, shape: ImageShape) -> Result<Processor, CheckpointError> {
    let input = keys.get("input_size").and_then(|value| value.as_array());
    let sides = input.and_then(|sides| match sides.as_slice() {
        [_, height, width] => Some((pixels(height)?, pixels(width)?)),
        _ => None,
    });
    let Some((height, width)) = sides else {
        return Err(keys.refused(
            "input_size",
            "a list of the channels, the height and the width",
        ));
    };
    let share = keys.number("crop_pct", CROP_SHARE)?;
    let scaled = |side: usize| (side as f64 / share).floor() as usize;
    let channels = shape.channels;
    let (mean, std) = (
        keys.per_channel("mean", IMAGENET[0], channels)?,
        keys.per_channel("std", IMAGENET[1], channels)?,
    );
    if std.iter().any(|std| *std <= 0.0) {
        return Err(keys.refused("std", "positive numbers"));
    }
    let (whole_height, whole_width) = (scaled(height), scaled(width));
    let mut fill = vec![0; shape.channels];
    let size = match keys.text("crop_mode")?.unwrap_or("center") {
        "center" if whole_height == whole_width => Size::Shortest {
            edge: whole_height,
            longest: None,
        },
        "center" => Size::Around {
            height: whole_height,
            width: whole_width,
        },
        "squash" => Size::Exact {
            height: whole_height,
            width: whole_width,
        },
        "border" => {
            let colors = mean.iter().map(|mean| (255.0 * mean).round_ties_even());
            fill = colors.map(|level| level as u8).collect();
            Size::Within {
                height: whole_height,
                width: whole_width,
            }
        }
        _ => return Err(keys.refused("crop_mode", "center, squash or border")),
    };
    let filter = match keys.text("interpolation")?.unwrap_or("bilinear") {
        "nearest" => Filter::Nearest,
        "bilinear" => Filter::Bilinear,
        "bicubic" => Filter::Bicubic,
        "box" => Filter::Box,
        "hamming" => Filter::Hamming,
        "lanczos" => Filter::Lanczos,
        _ => {
            return Err(keys.refused(
                "interpolation",
                "nearest, bilinear, bicubic, box, hamming or lanczos",
            ));
        }
    };
    Ok(Processor {
        resize: Some((size, filter)),
        crop: Some(Crop {
            height,
            width,
            fill,
            halves: Halves::Even,
        }),
        rescale: Some(1.0 / 255.0),
        normalize: Some((singles(&mean), singles(&std))),
        shape,
        file: keys.file,
    })
}

fn singles(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&number| number as f32).collect()
}
