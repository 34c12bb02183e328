//! The steps of an image processor, and the numbers that they give.

use crate::checkpoint::error::CheckpointError;
use crate::data::error::DataError;
use crate::data::image::crop::Crop;
use crate::data::image::raster::Raster;
use crate::data::image::resize::{self, Filter};
use crate::model::batch::ImageShape;

/// Maximum size of an image after it is resized, in pixels.
const MAX_RESIZED: usize = 64 << 20;

/// The steps of an image processor. A step that is `None` is left out.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::data::image) struct Processor {
    pub(super) resize: Option<(Size, Filter)>,
    pub(super) crop: Option<Crop>,
    /// The factor of all samples.
    pub(super) rescale: Option<f64>,
    /// For each channel, what is subtracted, and then what it is divided by.
    pub(super) normalize: Option<(Vec<f32>, Vec<f32>)>,
    pub(super) shape: ImageShape,
    /// Name of the file with the settings.
    pub(super) file: &'static str,
}

/// Size of an image after it is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// This size. The aspect ratio may change.
    Exact { height: usize, width: usize },
    /// The shorter side has this length, or less if the longer one would exceed its maximum.
    Shortest { edge: usize, longest: Option<usize> },
    /// As large as possible within this size.
    Within { height: usize, width: usize },
    /// As small as possible so that this size fits in.
    Around { height: usize, width: usize },
}

impl Processor {
    /// Returns the size of the images that pass without a change of their pixels, except for the crop.
    pub(in crate::data::image) fn untouched(&self) -> (usize, usize) {
        match self.resize {
            Some((Size::Exact { height, width }, _)) => (height, width),
            Some((Size::Shortest { edge, .. }, _)) => (edge, edge),
            Some((Size::Within { height, width } | Size::Around { height, width }, _)) => {
                (height, width)
            }
            None => (self.shape.height, self.shape.width),
        }
    }

    /// Returns the numbers that the model reads, `[height, width, channels]`.
    ///
    /// # Errors
    /// Returns [`DataError`] if the result does not have the shape that the model reads. The message begins with
    /// `place`.
    pub(in crate::data::image) fn process(
        &self,
        image: Raster,
        place: &str,
    ) -> Result<Vec<f32>, DataError> {
        let mut image = image;
        if let Some((size, filter)) = self.resize {
            let (height, width) = size.of(image.height, image.width);
            if height.saturating_mul(width) > MAX_RESIZED {
                return Err(DataError::Limit(format!(
                    "{place} has {} x {} pixels, and would have {width} x {height} after the resize; the limit is {MAX_RESIZED} \
                     pixels; crop the image, or leave it out",
                    image.width, image.height
                )));
            }
            image = resize::resize(image, height, width, filter);
        }
        if let Some(crop) = &self.crop {
            image = crop.of(image);
        }
        if (image.height, image.width) != (self.shape.height, self.shape.width) {
            return Err(DataError::Invalid(format!(
                "{place} has {} x {} pixels after the image processor, but the model reads {} x {}; set \"size\" or \"crop_size\" in {} \
                 to the size that the model reads",
                image.width, image.height, self.shape.width, self.shape.height, self.file
            )));
        }
        Ok(self.numbers(&image))
    }

    /// Returns the samples as numbers.
    fn numbers(&self, image: &Raster) -> Vec<f32> {
        let tables = (0..image.channels).map(|channel| self.table(channel));
        let tables: Vec<Vec<f32>> = tables.collect();
        let samples = image.samples.iter().zip(tables.iter().cycle());
        samples
            .map(|(&sample, table)| table[usize::from(sample)])
            .collect()
    }

    /// Returns the number of each of the 256 values of a sample of a channel.
    fn table(&self, channel: usize) -> Vec<f32> {
        let numbers = (0..=u8::MAX).map(|sample| {
            let scaled = match self.rescale {
                Some(factor) => (f64::from(sample) * factor) as f32,
                None => f32::from(sample),
            };
            match &self.normalize {
                Some((mean, std)) => (scaled - mean[channel]) / std[channel],
                None => scaled,
            }
        });
        numbers.collect()
    }

    /// Checks that the result has the shape that the model reads, as far as it does not depend on the image, and that its
    /// numbers are finite.
    pub(super) fn check(&self) -> Result<(), CheckpointError> {
        let mut numbers = (0..self.shape.channels).flat_map(|channel| self.table(channel));
        if !numbers.all(f32::is_finite) {
            return Err(CheckpointError::Invalid(format!(
                "the image processor ({}) gives numbers that are not finite in float32; correct its factor (\"rescale_factor\"), \
                 means (\"image_mean\" or \"mean\") and deviations (\"image_std\" or \"std\")",
                self.file
            )));
        }
        let fixed = match (&self.crop, self.resize) {
            (Some(crop), _) => Some((crop.height, crop.width)),
            (None, Some((Size::Exact { height, width }, _))) => Some((height, width)),
            _ => None,
        };
        let ImageShape { height, width, .. } = self.shape;
        match fixed {
            Some(found) if found != (height, width) => Err(CheckpointError::Invalid(format!(
                "the image processor ({}) gives images of {} x {} pixels, but the model (config.json) reads {width} x {height}; set \
                 \"size\" or \"crop_size\" in {} to the size that the model reads",
                self.file, found.1, found.0, self.file
            ))),
            _ => Ok(()),
        }
    }
}

impl Size {
    /// Returns the height and the width of a resized image.
    fn of(self, height: usize, width: usize) -> (usize, usize) {
        let (rows, columns) = (height as f64, width as f64);
        match self {
            Self::Exact { height, width } => (height, width),
            Self::Shortest { edge, longest } => {
                let (short, long) = (rows.min(columns), rows.max(columns));
                // The product is divided as a float, and cut, as in transformers.
                let (mut shorter, mut other) = (edge, (edge as f64 * long / short) as usize);
                if let Some(longest) = longest
                    && long / short * edge as f64 > longest as f64
                {
                    let exact = longest as f64 * short / long;
                    shorter = exact.round_ties_even() as usize;
                    other = (exact * long / short) as usize;
                }
                match height < width {
                    true => (shorter.max(1), other.max(1)),
                    false => (other.max(1), shorter.max(1)),
                }
            }
            Self::Within { height, width } => scaled(
                rows,
                columns,
                (rows / height as f64).max(columns / width as f64),
            ),
            Self::Around { height, width } => scaled(
                rows,
                columns,
                (rows / height as f64).min(columns / width as f64),
            ),
        }
    }
}

/// Returns a size divided by a ratio, rounded as in Python.
fn scaled(height: f64, width: f64, ratio: f64) -> (usize, usize) {
    let of = |side: f64| ((side / ratio).round_ties_even() as usize).max(1);
    (of(height), of(width))
}
