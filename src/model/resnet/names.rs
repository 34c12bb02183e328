//! Names of tensors, as transformers writes them.

use super::config::BlockSizes;
use crate::model::convnet::load::ConvNames;

/// Name of the classifier, without `.weight`.
pub(super) const CLASSIFIER: &str = "classifier.1";

/// Returns the names of the convolution of the stem.
pub(super) fn stem() -> ConvNames {
    of("resnet.embedder.embedder")
}

/// Returns the names of a convolution of a residual block.
pub(super) fn convolution(block: &BlockSizes, index: usize) -> ConvNames {
    of(&format!("{}.layer.{index}", layer(block)))
}

/// Returns the names of the shortcut of a residual block.
pub(super) fn shortcut(block: &BlockSizes) -> ConvNames {
    of(&format!("{}.shortcut", layer(block)))
}

/// Returns the name of the channels after a convolution of a residual block.
pub(super) fn group(block: &BlockSizes, index: usize) -> String {
    format!(
        "encoder.stages.{}.layers.{}.layer.{index}.channels",
        block.stage, block.index
    )
}

fn layer(block: &BlockSizes) -> String {
    format!(
        "resnet.encoder.stages.{}.layers.{}",
        block.stage, block.index
    )
}

fn of(name: &str) -> ConvNames {
    ConvNames {
        map: format!("{name}.convolution"),
        norm: Some(format!("{name}.normalization")),
    }
}
