//! A ResNet under the names of torchvision, which timm uses, too. Depths and widths are those of the tensors, so a pruned
//! network needs no other description than a whole one.

use super::network::{Network, Residual, Shortcut};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::batch::ImageShape;
use crate::model::config::MAX_LAYERS;
use crate::model::convnet::load::{ConvNames, ConvSizes, Named, sizes};
use crate::model::nn::activation::Activation;
use crate::model::nn::kernel::window::Window;

/// What the tensors do not tell.
#[derive(Clone, Copy)]
pub(super) struct Form<'a> {
    /// Whether the images are small, as those of CIFAR: the stem has no strides and is not pooled, and shortcuts between
    /// stages have no weights (He et al. 2016, section 4.2).
    pub(super) is_small: bool,
    /// Name of the classifier, without `.weight`.
    pub(super) classifier: &'a str,
}

/// Returns the names of a convolution and of the batch norm after it.
fn names(map: String, norm: String) -> ConvNames {
    let norm = Some(norm);
    ConvNames { map, norm }
}

/// Returns the network that the tensors describe, for images of this shape.
///
/// # Errors
/// Returns an error if there are no residual blocks, or if the first convolution is missing.
pub(super) fn read(
    weights: &Weights,
    form: Form<'_>,
    image: ImageShape,
    labels: Vec<String>,
) -> Result<Network, CheckpointError> {
    let stem = stem(weights, form)?;
    let mut width = stem.last().map_or(0, |last| last.sizes.outputs);
    let mut blocks = Vec::new();
    for stage in 1.. {
        let mut count = 0;
        for index in 0.. {
            let name = format!("layer{stage}.{index}");
            if !weights.contains(&format!("{name}.conv1.weight")) {
                break;
            }
            if blocks.len() == MAX_LAYERS {
                return Err(CheckpointError::Invalid(format!(
                    "the checkpoint has more than {MAX_LAYERS} residual blocks, which is the limit"
                )));
            }
            let stride = if stage > 1 && index == 0 { 2 } else { 1 };
            let block = residual(weights, &name, form, (width, stride))?;
            let last = block.convolutions.last();
            width = last.map_or(width, |last| last.sizes.outputs);
            blocks.push(block);
            count += 1;
        }
        if count == 0 {
            break;
        }
    }
    if blocks.is_empty() {
        return Err(CheckpointError::Invalid(
            "the checkpoint has no tensor \"layer1.0.conv1.weight\", which every ResNet has"
                .to_owned(),
        ));
    }
    Ok(Network {
        image,
        stem,
        is_pooled: !form.is_small,
        blocks,
        activation: Activation::Relu,
        classifier: form.classifier.to_owned(),
        labels,
    })
}

/// Returns the convolutions of the stem: one, or three of 3 x 3 pixels.
fn stem(weights: &Weights, form: Form<'_>) -> Result<Vec<Named>, CheckpointError> {
    let stride = if form.is_small { 1 } else { 2 };
    let named = |map: &str, norm: &str, stride| {
        Ok(Named {
            sizes: sizes(weights, map, stride)?,
            names: names(map.to_owned(), norm.to_owned()),
        })
    };
    if !weights.contains("conv1.0.weight") {
        return Ok(vec![named("conv1", "bn1", stride)?]);
    }
    Ok(vec![
        named("conv1.0", "conv1.1", stride)?,
        named("conv1.3", "conv1.4", 1)?,
        named("conv1.6", "bn1", 1)?,
    ])
}

/// Returns a residual block for maps with this width. The convolution of 3 x 3 pixels that comes first has the stride.
fn residual(
    weights: &Weights,
    name: &str,
    form: Form<'_>,
    (width, stride): (usize, usize),
) -> Result<Residual, CheckpointError> {
    let mut convolutions: Vec<Named> = Vec::new();
    let mut left = stride;
    for index in 1.. {
        let map = format!("{name}.conv{index}");
        if !weights.contains(&format!("{map}.weight")) {
            break;
        }
        let mut sizes = sizes(weights, &map, 1)?;
        if sizes.window.side > 1 {
            sizes.window.stride = std::mem::replace(&mut left, 1);
        }
        // The map that the convolution reads decides. A weight for another number of channels is an error when it is loaded.
        sizes.inputs = convolutions.last().map_or(width, |last| last.sizes.outputs);
        let names = names(map, format!("{name}.bn{index}"));
        convolutions.push(Named { names, sizes });
    }
    if convolutions.len() < 2 {
        return Err(CheckpointError::Invalid(format!(
            "the checkpoint has no tensor \"{name}.conv2.weight\"; a residual block has two or three convolutions"
        )));
    }
    let outputs = convolutions.last().map_or(width, |last| last.sizes.outputs);
    let channels = (1..convolutions.len()).map(|index| format!("{name}.conv{index}.channels"));
    Ok(Residual {
        shortcut: shortcut(weights, name, form, ([width, outputs], stride)),
        channels: channels.collect(),
        convolutions,
    })
}

/// Returns the shortcut of a residual block between maps of these widths.
fn shortcut(
    weights: &Weights,
    name: &str,
    form: Form<'_>,
    ([inputs, outputs], stride): ([usize; 2], usize),
) -> Shortcut {
    let convolution = |index: usize, stride: usize| Named {
        names: names(
            format!("{name}.downsample.{index}"),
            format!("{name}.downsample.{}", index + 1),
        ),
        sizes: ConvSizes {
            inputs,
            outputs,
            window: Window::centered(1, stride),
        },
    };
    let is_map = |index: usize| {
        let shape = weights.shape(&format!("{name}.downsample.{index}.weight"));
        shape.is_some_and(|shape| shape.len() == 4)
    };
    match (is_map(0), is_map(1)) {
        (true, _) => Shortcut::Convolution(convolution(0, stride)),
        // A mean has the stride, and takes the index 0 in the names.
        (false, true) => Shortcut::PooledConvolution(stride, convolution(1, 1)),
        (false, false) if form.is_small && (inputs != outputs || stride != 1) => {
            let added = outputs.saturating_sub(inputs);
            Shortcut::Padded {
                stride,
                channels: inputs,
                added: [added / 2, added - added / 2],
            }
        }
        // A missing convolution is an error when the weights are loaded.
        (false, false) if inputs != outputs || stride != 1 => {
            Shortcut::Convolution(convolution(0, stride))
        }
        (false, false) => Shortcut::Input,
    }
}
