//! A stem of layers over the pixels of an image.

use candle_core::{Device, Result};

use crate::model::batch::{Batch, ImageShape};
use crate::model::chain::Stem;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::layer::Layer;
use crate::model::layer::sequence::Sequence;
use crate::model::symbol::inputs::pixel_values;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// Layers over the pixels.
pub(in crate::model) struct OfPixels {
    /// Shape of the images.
    pub(in crate::model) image: ImageShape,
    /// The layers.
    pub(in crate::model) layers: Sequence,
    /// The device that holds their weights.
    pub(in crate::model) device: Device,
}

impl OfPixels {
    /// Returns the arrangement of the pixels.
    fn layout(&self) -> Layout {
        let ImageShape { height, width, .. } = self.image;
        let lead = 0;
        Layout::Map {
            height,
            width,
            lead,
        }
    }

    /// Returns rows of patches as rows of the pixels of whole patches.
    fn pixels(&self, extent: &Extent) -> Extent {
        let patch = self.image.patch;
        extent.map(|layout, positions| match layout {
            Layout::Sequence => (layout, positions),
            Layout::Map {
                height,
                width,
                lead,
            } => {
                let layout = Layout::Map {
                    height: height * patch,
                    width: width * patch,
                    lead,
                };
                (layout, layout.pixels())
            }
        })
    }
}

impl Stem for OfPixels {
    fn forward(&self, batch: &Batch) -> Result<Hidden> {
        let (pixels, _) = batch.input.pixels()?;
        self.image.check(pixels)?;
        let pixels = pixels.to_device(&self.device)?;
        self.layers.forward(&Hidden::new(pixels, self.layout()))
    }

    fn onnx(&self, graph: &mut Graph) -> Result<State> {
        let pixels = Stream::Planes(pixel_values(graph, self.image));
        self.layers.onnx(graph, &State::map(pixels, self.layout()))
    }

    fn extent(&self, extent: &Extent) -> Extent {
        self.layers.extent(&self.pixels(extent))
    }

    fn work(&self, extent: &Extent) -> Work {
        self.layers.work(&self.pixels(extent), &Widths::new(&[]))
    }

    fn device(&self) -> &Device {
        &self.device
    }
}
