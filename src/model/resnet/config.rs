//! The configuration of a ResNet, whole or pruned, from `config.json` of transformers.

use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::model::batch::ImageShape;
use crate::model::config::{MAX_LAYERS, MAX_WIDTH, activation_or, size};
use crate::model::convnet::image::image;
use crate::model::nn::activation::Activation;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &["ResNetForImageClassification"];

/// Key of the numbers of channels between the convolutions of each residual block, in order. Only results of `optin` have
/// it.
pub(in crate::model) const INNER: &str = "inner_channels";

/// The kind of the residual blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum BlockKind {
    /// Two convolutions of 3 x 3 pixels.
    Basic,
    /// Convolutions of 1 x 1, 3 x 3 and 1 x 1 pixels. The two in the middle have a quarter of the channels.
    Bottleneck {
        /// Whether the first convolution has the stride, and not the second one.
        stride_first: bool,
    },
}

/// A residual block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::model) struct BlockSizes {
    pub(in crate::model) stage: usize,
    /// Index in its stage.
    pub(in crate::model) index: usize,
    pub(in crate::model) inputs: usize,
    /// Channels after each convolution but the last.
    pub(in crate::model) inner: Vec<usize>,
    pub(in crate::model) outputs: usize,
    pub(in crate::model) stride: usize,
}

/// The sizes of the graph.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::model) struct ResNetConfig {
    pub(in crate::model) image: ImageShape,
    /// Channels of the stem.
    pub(in crate::model) stem: usize,
    pub(in crate::model) kind: BlockKind,
    pub(in crate::model) blocks: Vec<BlockSizes>,
    /// Activation of the stem and after each sum. Inside of a block it is always ReLU.
    pub(in crate::model) activation: Activation,
    pub(in crate::model) labels: Vec<String>,
}

impl BlockKind {
    /// Returns the side of the window of each convolution.
    pub(super) fn sides(self) -> &'static [usize] {
        match self {
            Self::Basic => &[3, 3],
            Self::Bottleneck { .. } => &[1, 3, 1],
        }
    }

    /// Returns the convolution that has the stride of the block.
    pub(super) fn strided(self) -> usize {
        match self {
            Self::Basic | Self::Bottleneck { stride_first: true } => 0,
            Self::Bottleneck { .. } => 1,
        }
    }

    /// Returns the channels after each convolution but the last, in a block that is not pruned.
    fn inner(self, outputs: usize) -> Vec<usize> {
        match self {
            Self::Basic => vec![outputs],
            Self::Bottleneck { .. } => vec![outputs / 4; 2],
        }
    }
}

impl BlockSizes {
    /// Whether the shortcut is a convolution. It is the input itself otherwise.
    pub(super) fn has_shortcut(&self) -> bool {
        self.inputs != self.outputs || self.stride != 1
    }
}

impl ResNetConfig {
    /// Reads a configuration of transformers.
    pub(in crate::model) fn read(config: &Config) -> Result<Self, CheckpointError> {
        let kind = match config.str_or("layer_type", "bottleneck")? {
            "basic" => BlockKind::Basic,
            "bottleneck" => BlockKind::Bottleneck {
                stride_first: config.bool_or("downsample_in_bottleneck", false)?,
            },
            other => {
                return Err(CheckpointError::Invalid(format!(
                    "config.json: layer_type is \"{other}\"; it must be \"basic\" or \"bottleneck\""
                )));
            }
        };
        let list = |key: &str, default: [usize; 4]| -> Result<Vec<usize>, CheckpointError> {
            Ok(config.usize_list(key)?.unwrap_or_else(|| default.to_vec()))
        };
        let widths = list("hidden_sizes", [256, 512, 1024, 2048])?;
        let depths = list("depths", [3, 4, 6, 3])?;
        let stem = match config.map().contains_key("embedding_size") {
            true => size(config, "embedding_size", MAX_WIDTH)?,
            false => 64,
        };
        let layers: usize = depths
            .iter()
            .fold(0, |sum, &depth| sum.saturating_add(depth));
        let in_range = widths.iter().all(|width| (1..=MAX_WIDTH).contains(width));
        if widths.len() != depths.len() || depths.contains(&0) || layers > MAX_LAYERS || !in_range {
            return Err(CheckpointError::Invalid(format!(
                "config.json has hidden_sizes {widths:?} and depths {depths:?}; they must have one entry for each stage, with up to \
                 {MAX_WIDTH} channels and {MAX_LAYERS} blocks in total"
            )));
        }
        let strided = config.bool_or("downsample_in_first_stage", false)?;
        let mut blocks = Vec::new();
        let mut inputs = stem;
        for (stage, (&outputs, &depth)) in widths.iter().zip(&depths).enumerate() {
            for index in 0..depth {
                blocks.push(BlockSizes {
                    stage,
                    index,
                    inputs,
                    inner: kind.inner(outputs),
                    outputs,
                    stride: if index == 0 && (stage > 0 || strided) {
                        2
                    } else {
                        1
                    },
                });
                inputs = outputs;
            }
        }
        kept(config, &mut blocks)?;
        Ok(Self {
            image: image(config)?,
            stem,
            kind,
            blocks,
            activation: activation_or(config, "relu")?,
            labels: config.labels()?,
        })
    }
}

/// Sets the numbers of channels of a pruned model.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if the list is malformed.
fn kept(config: &Config, blocks: &mut [BlockSizes]) -> Result<(), CheckpointError> {
    let Some(kept) = config.usize_list(INNER)? else {
        return Ok(());
    };
    let widths: Vec<&mut usize> = blocks
        .iter_mut()
        .flat_map(|block| &mut block.inner)
        .collect();
    if kept.len() != widths.len() || widths.iter().zip(&kept).any(|(whole, kept)| kept > whole) {
        let most: Vec<&usize> = widths.iter().map(|width| &**width).collect();
        return Err(CheckpointError::Invalid(format!(
            "config.json: {INNER} is {kept:?}; it must have {} entries, which are at most {most:?}",
            most.len()
        )));
    }
    for (width, kept) in widths.into_iter().zip(kept) {
        *width = kept;
    }
    Ok(())
}
