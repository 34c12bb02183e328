//! Images as the examples of a dataset. They are decoded when a batch needs them.

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::decode;
use super::held::Held;
use super::processor::steps::Processor;
use super::raster::Raster;
use super::resize::{Filter, resize};
use super::source::pictures::Form;
use crate::data::error::DataError;
use crate::data::examples::{Examples, Origin};
use crate::data::picture::Picture;
use crate::model::batch::{ImageShape, Input};
use crate::model::hidden::Layout;

/// An image that is not decoded.
pub(super) struct Image {
    /// Its location, for messages.
    pub(super) place: String,
    /// Where it comes from, for documents.
    pub(super) origin: Origin,
    /// Its bytes.
    pub(super) held: Held,
}

/// Images that are not decoded.
pub(super) struct ImageRows {
    pub(super) images: Vec<Image>,
    pub(super) form: Form,
    pub(super) processor: Processor,
    pub(super) shape: ImageShape,
}

impl ImageRows {
    /// Returns an image with this number of channels.
    fn raster(&self, row: usize, channels: usize) -> Result<Raster, DataError> {
        let Image { place, held, .. } = &self.images[row];
        let bytes = held.read(place)?;
        Ok(match self.form {
            Form::Encoded => decode::decode(&bytes, channels, place)?,
            Form::Pixels {
                height,
                width,
                channels: own,
            } => Raster {
                height,
                width,
                channels: own,
                samples: bytes.into_owned(),
            }
            .with_channels(channels),
        })
    }

    /// Returns the numbers of an image, `[height, width, channels]`.
    fn numbers(&self, row: usize) -> Result<Vec<f32>, DataError> {
        let raster = self.raster(row, self.shape.channels)?;
        self.processor.process(raster, &self.images[row].place)
    }
}

impl Examples for ImageRows {
    fn shape(&self, _: usize) -> (Layout, usize) {
        self.shape.patches()
    }

    fn load(&self, rows: &[usize]) -> Result<Input, DataError> {
        let numbers = rows.par_iter().map(|&row| self.numbers(row));
        let numbers: Vec<Vec<f32>> = numbers.collect::<Result<_, _>>()?;
        Ok(input(&numbers, self.shape)?)
    }

    fn load_resized(&self, rows: &[usize], _: usize) -> Result<Input, DataError> {
        self.load(rows)
    }

    fn arguments(&self, row: usize) -> Result<Map<String, Value>, DataError> {
        let numbers = self.numbers(row)?;
        let ImageShape {
            height,
            width,
            channels,
            ..
        } = self.shape;
        let line = |channel: usize, y: usize| -> Vec<f32> {
            let columns = 0..width;
            columns
                .map(|x| numbers[(y * width + x) * channels + channel])
                .collect()
        };
        let plane =
            |channel: usize| -> Vec<Vec<f32>> { (0..height).map(|y| line(channel, y)).collect() };
        let planes: Vec<_> = (0..channels).map(plane).collect();
        Ok([("pixel_values".to_owned(), json!([planes]))]
            .into_iter()
            .collect())
    }

    fn origin(&self, row: usize) -> Origin {
        self.images[row].origin.clone()
    }

    fn picture(&self, row: usize, side: usize) -> Result<Option<Picture>, DataError> {
        let image = self.raster(row, 3)?;
        let long = image.height.max(image.width);
        let [height, width] = [image.height, image.width].map(|own| (own * side / long).max(1));
        let Raster { samples, .. } = resize(image, height, width, Filter::Bilinear);
        let (pixels, _) = samples.as_chunks::<3>();
        Ok(Some(Picture {
            height,
            width,
            pixels: pixels.to_vec(),
        }))
    }
}

/// Returns images as the input of a model.
pub(super) fn input(images: &[Vec<f32>], shape: ImageShape) -> candle_core::Result<Input> {
    let pixels = shape.height * shape.width;
    let values = Tensor::from_vec(
        images.concat(),
        (images.len(), pixels, shape.channels),
        &Device::Cpu,
    )?;
    Ok(Input::Pixels(values, shape.patches().0))
}
