//! The stem: a linear map of each patch, special tokens before the patches, and position embeddings.

use candle_core::{Device, Result, Tensor};

use super::config::VitConfig;
use super::names::Names;
use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::weights::Weights;
use crate::model::batch::{Batch, ImageShape};
use crate::model::chain::Stem;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::linear::Linear;
use crate::model::symbol::inputs::pixel_values;
use crate::model::symbol::state::{State, for_each_row};
use crate::model::symbol::stream::Stream;
use crate::model::work::{Terms, Work};
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;

pub(super) struct Patches {
    image: ImageShape,
    /// The convolution as a linear map of a patch, `[hidden, channels * patch * patch]`.
    projection: Linear,
    /// The special tokens with their positions, `[1, special, hidden]`.
    special: Tensor,
    /// Position embeddings of the patches, `[1, patches, hidden]`.
    positions: Tensor,
}

impl Patches {
    pub(super) fn load(
        config: &VitConfig,
        names: &Names,
        weights: &Weights,
    ) -> std::result::Result<Self, CheckpointError> {
        let ImageShape {
            channels, patch, ..
        } = config.image;
        let hidden = config.hidden;
        let patches = config.image.patches().1;
        let (name, special) = (&names.patches, config.special);
        let weight =
            weights.tensor(&format!("{name}.weight"), &[hidden, channels, patch, patch])?;
        let bias = weights.tensor(&format!("{name}.bias"), &[hidden])?;
        let positions = weights.tensor(&names.positions, &[1, special + patches, hidden])?;
        let tokens = names.special.iter();
        let tokens = tokens.map(|name| weights.tensor(name, &[1, 1, hidden]));
        let tokens: Vec<Tensor> = tokens.collect::<std::result::Result<_, _>>()?;
        let parts = || {
            let weight = weight.reshape((hidden, channels * patch * patch))?;
            let of_tokens = positions.narrow(1, 0, special)?;
            Ok(Self {
                image: config.image,
                projection: Linear::new(weight, bias),
                special: (Tensor::cat(&tokens, 1)? + of_tokens)?,
                positions: positions.narrow(1, special, patches)?.contiguous()?,
            })
        };
        parts().map_err(|error: candle_core::Error| CheckpointError::Invalid(reason(&error)))
    }

    /// Returns the numbers of each patch: `[rows, pixels, channels]` to `[rows, patches, channels * patch * patch]`.
    fn unfolded(&self, pixels: &Tensor) -> Result<Tensor> {
        let ImageShape {
            height,
            width,
            channels,
            patch,
            ..
        } = self.image;
        self.image.check(pixels)?;
        let rows = pixels.dim(0)?;
        let (down, right) = (height / patch, width / patch);
        let image = pixels.reshape((rows, height, width, channels))?;
        let image = image.narrow(1, 0, down * patch)?;
        let image = image.narrow(2, 0, right * patch)?.contiguous()?;
        let patches = image.reshape(&[rows, down, patch, right, patch, channels][..])?;
        let patches = patches.permute(vec![0, 1, 3, 5, 2, 4])?.contiguous()?;
        patches.reshape((rows, down * right, channels * patch * patch))
    }
}

impl Stem for Patches {
    /// Returns the embeddings, `[rows, special + patches, hidden]`.
    fn forward(&self, batch: &Batch) -> Result<Hidden> {
        let (pixels, layout) = batch.input.pixels()?;
        let pixels = pixels.to_device(self.device())?;
        let patches = self.projection.forward(&self.unfolded(&pixels)?)?;
        let patches = patches.broadcast_add(&self.positions)?;
        let special = self.special.repeat((patches.dim(0)?, 1, 1))?;
        let stream = Tensor::cat(&[special, patches], 1)?;
        Ok(Hidden::new(stream, self.with_special(layout)))
    }

    fn onnx(&self, graph: &mut Graph) -> Result<State> {
        let pixels = pixel_values(graph, self.image);
        let ImageShape {
            channels, patch, ..
        } = self.image;
        let hidden = self.projection.outputs();
        let weight = self.projection.weight();
        let weight = graph.weight(&weight.reshape((hidden, channels, patch, patch))?);
        let bias = graph.weight(&self.projection.bias_or_zeros()?);
        let side = [patch as i64; 2];
        let settings = [
            ("kernel_shape", Attribute::Ints(&side)),
            ("strides", Attribute::Ints(&side)),
        ];
        let patches = graph.apply_with("Conv", &[&pixels, &weight, &bias], &settings);
        let patches = Stream::Planes(patches).positions(graph);
        let positions = graph.weight(&self.positions);
        let patches = graph.apply("Add", &[&patches, &positions]);
        let special = for_each_row(graph, &self.special);
        let stream = graph.concat(&[&special, &patches], 1);
        let layout = self.with_special(self.image.patches().0);
        Ok(State::map(Stream::Positions(stream), layout))
    }

    fn extent(&self, extent: &Extent) -> Extent {
        let special = self.special.dims()[1];
        extent.map(|layout, patches| (self.with_special(layout), special + patches))
    }

    fn work(&self, extent: &Extent) -> Work {
        let (inputs, outputs) = (self.projection.inputs(), self.projection.outputs());
        Work {
            macs: Terms {
                fixed: extent.mean() * (inputs * outputs) as f64,
                ..Terms::default()
            },
            written: self.extent(extent).mean() * outputs as f64,
            ..Work::default()
        }
    }

    fn device(&self) -> &Device {
        self.positions.device()
    }
}

impl Patches {
    /// Returns the arrangement of the patches after the special tokens.
    fn with_special(&self, layout: Layout) -> Layout {
        match layout {
            Layout::Sequence => Layout::Sequence,
            Layout::Map { height, width, .. } => Layout::Map {
                height,
                width,
                lead: self.special.dims()[1],
            },
        }
    }
}
