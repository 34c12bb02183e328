//! A stem of layers over the pixels of an image.

use candle_core::{Device, Result};

use crate::model::batch::Batch;
use crate::model::chain::Stem;
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::layer::Layer;
use crate::model::layer::sequence::Sequence;
use crate::model::width::Widths;
use crate::model::work::Work;

/// Layers over the pixels.
pub(in crate::model) struct OfPixels {
    pub(in crate::model) layers: Sequence,
    pub(in crate::model) device: Device,
}

impl Stem for OfPixels {
    fn forward(&self, batch: &Batch) -> Result<Hidden> {
        let (pixels, layout) = batch.input.pixels()?;
        let pixels = pixels.to_device(&self.device)?;
        self.layers.forward(&Hidden::new(pixels, layout))
    }

    fn extent(&self, extent: &Extent) -> Extent {
        self.layers.extent(extent)
    }

    fn work(&self, extent: &Extent) -> Work {
        self.layers.work(extent, &Widths::new(&[]))
    }

    fn device(&self) -> &Device {
        &self.device
    }
}
