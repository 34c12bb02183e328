//! A ResNet, whole or pruned, as `config.json` of transformers describes it.

use super::names;
use super::network::{Network, Residual, Shortcut};
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::model::config::{MAX_LAYERS, MAX_WIDTH, activation_or, size};
use crate::model::convnet::image::image;
use crate::model::convnet::load::{ConvSizes, Named};
use crate::model::nn::kernel::window::Window;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &["ResNetForImageClassification"];

/// Key of the numbers of channels between the convolutions of each residual block, in order. Only results of `optin` have
/// it.
pub(in crate::model) const INNER: &str = "inner_channels";

/// The kind of the residual blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockKind {
    /// Two convolutions of 3 x 3 pixels.
    Basic,
    /// Convolutions of 1 x 1, 3 x 3 and 1 x 1 pixels. The two in the middle have a quarter of the channels.
    Bottleneck {
        /// Whether the first convolution has the stride, and not the second one.
        stride_first: bool,
    },
}

impl BlockKind {
    /// Returns the side of the window of each convolution.
    fn sides(self) -> &'static [usize] {
        match self {
            Self::Basic => &[3, 3],
            Self::Bottleneck { .. } => &[1, 3, 1],
        }
    }

    /// Returns the convolution that has the stride of the block.
    fn strided(self) -> usize {
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

/// Sizes of a residual block.
struct BlockSizes {
    stage: usize,
    /// Index in its stage.
    index: usize,
    inputs: usize,
    /// Channels after each convolution but the last.
    inner: Vec<usize>,
    outputs: usize,
    stride: usize,
}

/// Reads a configuration.
///
/// # Errors
/// Returns an error if a value is missing, malformed or out of range.
pub(super) fn read(config: &Config) -> Result<Network, CheckpointError> {
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
    let stem = match config.map().contains_key("embedding_size") {
        true => size(config, "embedding_size", MAX_WIDTH)?,
        false => 64,
    };
    let mut blocks = block_sizes(config, kind, stem)?;
    kept(config, &mut blocks)?;
    let image = image(config, config.usize_or("num_channels", 3)?)?;
    Ok(Network {
        image,
        stem: vec![Named {
            names: names::stem(),
            sizes: ConvSizes {
                inputs: image.channels,
                outputs: stem,
                window: Window::centered(7, 2),
            },
        }],
        is_pooled: true,
        blocks: blocks.iter().map(|block| residual(kind, block)).collect(),
        activation: activation_or(config, "relu")?,
        classifier: names::CLASSIFIER.to_owned(),
        labels: config.labels()?,
    })
}

/// Returns the sizes of all residual blocks.
fn block_sizes(
    config: &Config,
    kind: BlockKind,
    stem: usize,
) -> Result<Vec<BlockSizes>, CheckpointError> {
    let list = |key: &str, default: [usize; 4]| -> Result<Vec<usize>, CheckpointError> {
        Ok(config.usize_list(key)?.unwrap_or_else(|| default.to_vec()))
    };
    let widths = list("hidden_sizes", [256, 512, 1024, 2048])?;
    let depths = list("depths", [3, 4, 6, 3])?;
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
    let is_strided = config.bool_or("downsample_in_first_stage", false)?;
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
                stride: if index == 0 && (stage > 0 || is_strided) {
                    2
                } else {
                    1
                },
            });
            inputs = outputs;
        }
    }
    Ok(blocks)
}

/// Returns a residual block with the names of its tensors.
fn residual(kind: BlockKind, block: &BlockSizes) -> Residual {
    let layer = names::layer(block.stage, block.index);
    let widths = std::iter::once(&block.inputs).chain(&block.inner);
    let outputs = block.inner.iter().chain([&block.outputs]);
    let sizes = kind.sides().iter().zip(widths.zip(outputs)).enumerate();
    let convolutions = sizes.map(|(index, (&side, (&inputs, &outputs)))| {
        let stride = if index == kind.strided() {
            block.stride
        } else {
            1
        };
        Named {
            names: names::convolution(&layer, index),
            sizes: ConvSizes {
                inputs,
                outputs,
                window: Window::centered(side, stride),
            },
        }
    });
    Residual {
        convolutions: convolutions.collect(),
        shortcut: match block.inputs == block.outputs && block.stride == 1 {
            true => Shortcut::Input,
            false => Shortcut::Convolution(Named {
                names: names::shortcut(&layer),
                sizes: ConvSizes {
                    inputs: block.inputs,
                    outputs: block.outputs,
                    window: Window::centered(1, block.stride),
                },
            }),
        },
        channels: (0..block.inner.len())
            .map(|index| names::channels(block.stage, block.index, index))
            .collect(),
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
