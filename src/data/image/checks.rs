//! Fixed images, with which the image processor and the model of a result can be checked.
//!
//! The numbers of an image are too many for a document, so each image is a formula. Its size is the one to which the
//! image processor resizes, so that no pixel depends on how a library interpolates.

use serde_json::{Map, Value, json};

use super::processor::steps::Processor;
use super::raster::Raster;
use super::rows::input;
use crate::data::error::DataError;
use crate::data::reader::{Check, Checks};
use crate::model::batch::{ImageShape, Input};

/// Name under which an image is described.
const IMAGE: &str = "image";

/// Number of fixed images.
const IMAGES: usize = 3;

/// Number of numbers of each channel that are written, from the top left.
const WRITTEN: usize = 4;

/// Returns the fixed images.
///
/// # Errors
/// Returns [`DataError`] if the image processor cannot process them.
pub(super) fn checks(processor: &Processor, shape: ImageShape) -> Result<Checks, DataError> {
    let rows = (0..IMAGES).map(|seed| {
        let image = image(processor.untouched(), shape.channels, seed);
        let described = described(&image, seed);
        let numbers = processed(processor, image, seed)?;
        Ok(Check {
            named: [
                (IMAGE, described),
                ("pixel_values", summary(&numbers, shape)),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect::<Map<_, _>>(),
            input: input(&[numbers], shape)?,
        })
    });
    Ok(Checks {
        rows: rows.collect::<Result<_, DataError>>()?,
        // All images have the same shape, so there is no padding to check.
        batch: None,
    })
}

/// Returns the fixed image that is described, as input of the model.
///
/// # Errors
/// Returns [`DataError`] if there is no such image, or if the image processor cannot process it.
pub(super) fn input_of(
    named: &Map<String, Value>,
    processor: &Processor,
    shape: ImageShape,
) -> Result<Input, DataError> {
    for seed in 0..IMAGES {
        let image = image(processor.untouched(), shape.channels, seed);
        if named.get(IMAGE) == Some(&described(&image, seed)) {
            return Ok(input(&[processed(processor, image, seed)?], shape)?);
        }
    }
    Err(DataError::Invalid(
        "the image is none of the fixed images of this version of optin".to_owned(),
    ))
}

/// Describes a fixed image: its size and its formula.
fn described(image: &Raster, seed: usize) -> Value {
    json!({
        "height": image.height,
        "width": image.width,
        "channels": image.channels,
        "formula": formula(seed),
    })
}

/// Returns the numbers of a fixed image after the image processor.
fn processed(processor: &Processor, image: Raster, seed: usize) -> Result<Vec<f32>, DataError> {
    processor.process(image, &format!("the fixed image {seed}"))
}

/// Returns the factors of the column, the row and the channel.
fn factors(seed: usize) -> [usize; 3] {
    [2 * seed + 3, 3 * seed + 5, 85]
}

fn image((height, width): (usize, usize), channels: usize, seed: usize) -> Raster {
    let [by_x, by_y, by_channel] = factors(seed);
    let mut raster = Raster::black(height, width, channels);
    for (at, sample) in raster.samples.iter_mut().enumerate() {
        let (pixel, channel) = (at / channels, at % channels);
        let (y, x) = (pixel / width, pixel % width);
        *sample = ((by_x * x + by_y * y + by_channel * channel + x * y / 16) % 256) as u8;
    }
    raster
}

/// Describes the samples, in Python.
fn formula(seed: usize) -> String {
    let [by_x, by_y, by_channel] = factors(seed);
    format!(
        "({by_x} * x + {by_y} * y + {by_channel} * c + x * y // 16) % 256 for the 8-bit sample of row y, column x and channel c, each \
         from 0"
    )
}

/// Describes the numbers of an image after the image processor.
fn summary(numbers: &[f32], shape: ImageShape) -> Value {
    let ImageShape {
        height,
        width,
        channels,
        ..
    } = shape;
    let of = |channel: usize| numbers.iter().skip(channel).step_by(channels);
    let mean = |channel: usize| {
        let sum: f64 = of(channel).map(|number| f64::from(*number)).sum();
        sum / (height * width) as f64
    };
    let first = |channel: usize| of(channel).take(WRITTEN).copied().collect::<Vec<f32>>();
    json!({
        "shape": [1, channels, height, width],
        "mean_of_each_channel": (0..channels).map(mean).collect::<Vec<_>>(),
        "first_numbers_of_each_channel": (0..channels).map(first).collect::<Vec<_>>(),
    })
}
