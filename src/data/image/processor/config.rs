//! The settings of transformers' image processors (`preprocessor_config.json`), and their defaults in version 5.

use super::keys::{HALVES, IMAGENET, Keys};
use super::steps::{Processor, Size};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::image_processor::{
    MASK2FORMER, SIZE_DIVISOR, both_sides, divisor, pixels, rounded_up, square_or_both_sides,
};
use crate::data::image::crop::{Crop, Halves};
use crate::data::image::resize::Filter;
use crate::model::batch::ImageShape;

/// A class of image processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Vit,
    Deit,
    /// Resizes and crops in one step.
    ConvNext,
    /// Rounds the size up.
    Mask2Former,
}

/// From this length of the shorter side on, ConvNext changes the aspect ratio instead of cropping.
const WARPED_EDGE: usize = 384;

impl Class {
    const ALL: [Self; 4] = [Self::Vit, Self::Deit, Self::ConvNext, Self::Mask2Former];

    /// Returns the start of its names in transformers, and the values of `model_type` for which it is the default.
    fn names(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Vit => ("ViT", &["vit", "swin"]),
            Self::Deit => ("DeiT", &["deit"]),
            Self::ConvNext => ("ConvNext", &["convnext", "resnet"]),
            Self::Mask2Former => (MASK2FORMER, &["mask2former"]),
        }
    }

    fn of(keys: &Keys<'_>, family: Option<&str>) -> Result<Self, CheckpointError> {
        let own = match keys.text("image_processor_type")? {
            Some(name) => Some(name),
            None => keys.text("feature_extractor_type")?,
        };
        let is = |class: &Self| {
            let (start, families) = class.names();
            match own {
                Some(name) => {
                    let rest = name.strip_prefix(start);
                    let ends = [
                        "ImageProcessor",
                        "ImageProcessorFast",
                        "ImageProcessorPil",
                        "FeatureExtractor",
                    ];
                    rest.is_some_and(|rest| ends.contains(&rest))
                }
                None => family.is_some_and(|family| families.contains(&family)),
            }
        };
        Self::ALL.into_iter().find(is).ok_or_else(|| {
            let known = Self::ALL.map(|class| format!("{}ImageProcessor", class.names().0));
            let known = known.join(", ");
            CheckpointError::Invalid(match own {
                Some(name) => format!(
                    "{}: the image processor {name} is not supported; supported are {known}",
                    keys.file
                ),
                None => format!(
                    "{} does not name its image processor; set \"image_processor_type\" to one of {known}",
                    keys.file
                ),
            })
        })
    }

    fn size(self) -> Size {
        match self {
            Self::Vit => square(224),
            Self::Deit => square(256),
            Self::ConvNext => Size::Shortest {
                edge: WARPED_EDGE,
                longest: None,
            },
            Self::Mask2Former => Size::Shortest {
                edge: 800,
                longest: Some(1333),
            },
        }
    }

    /// Returns the mean and the deviation of each color.
    fn normalization(self) -> [[f64; 3]; 2] {
        match self {
            Self::Vit | Self::Deit | Self::ConvNext => HALVES,
            Self::Mask2Former => IMAGENET,
        }
    }

    fn filter(self) -> Filter {
        match self {
            Self::Vit | Self::Mask2Former => Filter::Bilinear,
            Self::Deit | Self::ConvNext => Filter::Bicubic,
        }
    }
}

fn square(side: usize) -> Size {
    Size::Exact {
        height: side,
        width: side,
    }
}

/// Returns the image processor with these settings. `family` is the `model_type` of the model.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if a setting is malformed or not supported.
pub(super) fn processor(
    keys: &Keys<'_>,
    family: Option<&str>,
    shape: ImageShape,
) -> Result<Processor, CheckpointError> {
    let class = Class::of(keys, family)?;
    // Mask2Former pads the images of a batch to one size, which all have here.
    if class != Class::Mask2Former && keys.flag("do_pad", false)? {
        return Err(keys.refused(
            "do_pad",
            "false, because padding of images is not supported",
        ));
    }
    let mut resize = match keys.flag("do_resize", true)? {
        true => Some((size(keys, class)?, filter(keys, class)?)),
        false => None,
    };
    if class == Class::Mask2Former
        && let Some((size, _)) = &mut resize
    {
        *size = rounded(keys, *size)?;
    }
    let crop = |height: usize, width: usize| Crop {
        height,
        width,
        fill: vec![0; shape.channels],
        halves: Halves::Down,
    };
    let mut crops = match keys.flag("do_center_crop", class == Class::Deit)? {
        true => {
            let (height, width) = crop_size(keys)?;
            Some(crop(height, width))
        }
        false => None,
    };
    if class == Class::ConvNext
        && let Some((size, _)) = &mut resize
    {
        let Size::Shortest { edge, .. } = *size else {
            return Err(keys.refused("size", "an object with the key \"shortest_edge\""));
        };
        let share = keys.number("crop_pct", 224.0 / 256.0)?;
        if edge >= WARPED_EDGE {
            *size = square(edge);
        } else {
            *size = Size::Shortest {
                edge: (edge as f64 / share) as usize,
                longest: None,
            };
            // A second crop of the same or a larger size would only add a border.
            if crops
                .as_ref()
                .is_some_and(|crop| (crop.height, crop.width) != (edge, edge))
            {
                return Err(keys.refused(
                    "do_center_crop",
                    "false, because \"crop_pct\" already crops",
                ));
            }
            crops = Some(crop(edge, edge));
        }
    }
    let rescale = match keys.flag("do_rescale", true)? {
        true => Some(keys.number("rescale_factor", 1.0 / 255.0)?),
        false => None,
    };
    let normalize = match keys.flag("do_normalize", true)? {
        true => Some(normalization(keys, class.normalization(), shape.channels)?),
        false => None,
    };
    Ok(Processor {
        resize,
        crop: crops,
        rescale,
        normalize,
        shape,
        file: keys.file,
    })
}

/// Returns the size of the images of Mask2Former.
fn rounded(keys: &Keys<'_>, size: Size) -> Result<Size, CheckpointError> {
    let Size::Exact { height, width } = size else {
        return Err(keys.refused(
            "size",
            "an object with the keys \"height\" and \"width\", because all images must have one size",
        ));
    };
    let divisor = match keys.get("size_divisor") {
        None => Some(SIZE_DIVISOR),
        Some(value) => divisor(value),
    };
    let divisor =
        divisor.ok_or_else(|| keys.refused("size_divisor", "a whole number of pixels, or 0"))?;
    let [height, width] = rounded_up([height, width], divisor);
    Ok(Size::Exact { height, width })
}

/// Reads the mean and the deviation of each channel.
fn normalization(
    keys: &Keys<'_>,
    [mean, std]: [[f64; 3]; 2],
    channels: usize,
) -> Result<(Vec<f32>, Vec<f32>), CheckpointError> {
    const STD: &str = "image_std";
    let (means, stds) = (
        keys.per_channel("image_mean", mean, channels)?,
        keys.per_channel(STD, std, channels)?,
    );
    let singles = |numbers: Vec<f64>| numbers.into_iter().map(|number| number as f32).collect();
    match stds.iter().all(|std| *std > 0.0) {
        true => Ok((singles(means), singles(stds))),
        false => Err(keys.refused(STD, "positive numbers")),
    }
}

fn filter(keys: &Keys<'_>, class: Class) -> Result<Filter, CheckpointError> {
    let Some(value) = keys.get("resample") else {
        return Ok(class.filter());
    };
    value
        .as_u64()
        .and_then(Filter::of)
        .ok_or_else(|| keys.refused("resample", "the number of a filter of Pillow, from 0 to 5"))
}

fn size(keys: &Keys<'_>, class: Class) -> Result<Size, CheckpointError> {
    let refused = || {
        keys.refused(
            "size",
            "a length, or an object with the keys \"height\" and \"width\", or \"shortest_edge\" and perhaps \"longest_edge\"",
        )
    };
    let Some(value) = keys.get("size") else {
        return Ok(class.size());
    };
    if let Some(side) = pixels(value) {
        return Ok(match class {
            Class::ConvNext | Class::Mask2Former => Size::Shortest {
                edge: side,
                longest: None,
            },
            Class::Vit | Class::Deit => square(side),
        });
    }
    if let Some([height, width]) = both_sides(value) {
        return Ok(Size::Exact { height, width });
    }
    let edge = value
        .get("shortest_edge")
        .and_then(pixels)
        .ok_or_else(refused)?;
    let longest = match value
        .get("longest_edge")
        .filter(|longest| !longest.is_null())
    {
        Some(longest) => Some(pixels(longest).ok_or_else(refused)?),
        None => None,
    };
    Ok(Size::Shortest { edge, longest })
}

fn crop_size(keys: &Keys<'_>) -> Result<(usize, usize), CheckpointError> {
    let Some(value) = keys.get("crop_size") else {
        return Ok((224, 224));
    };
    let sides = square_or_both_sides(value).map(|[height, width]| (height, width));
    sides.ok_or_else(|| {
        keys.refused(
            "crop_size",
            "a length, or an object with the keys \"height\" and \"width\"",
        )
    })
}
