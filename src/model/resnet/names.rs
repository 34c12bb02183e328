//! Names of tensors, as transformers writes them.

use crate::model::convnet::load::ConvNames;

/// Name of the classifier, without `.weight`.
pub(super) const CLASSIFIER: &str = "classifier.1";

/// Returns the names of the convolution of the stem.
pub(super) fn stem() -> ConvNames {
    of("resnet.embedder.embedder")
}

/// Returns the beginning of the names of a residual block.
pub(super) fn layer(stage: usize, index: usize) -> String {
    format!("resnet.encoder.stages.{stage}.layers.{index}")
}

/// Returns the names of a convolution of a residual block.
pub(super) fn convolution(layer: &str, index: usize) -> ConvNames {
    of(&format!("{layer}.layer.{index}"))
}

/// Returns the names of the shortcut of a residual block.
pub(super) fn shortcut(layer: &str) -> ConvNames {
    of(&format!("{layer}.shortcut"))
}

/// Returns the name of the channels after a convolution of a residual block.
pub(super) fn channels(stage: usize, index: usize, convolution: usize) -> String {
    format!("encoder.stages.{stage}.layers.{index}.layer.{convolution}.channels")
}

fn of(name: &str) -> ConvNames {
    ConvNames {
        map: format!("{name}.convolution"),
        norm: Some(format!("{name}.normalization")),
    }
}
