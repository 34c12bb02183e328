//! The parts of a residual network, in any dialect.

use crate::model::batch::ImageShape;
use crate::model::convnet::load::Named;
use crate::model::nn::activation::Activation;

/// A residual network.
pub(super) struct Network {
    pub(super) image: ImageShape,
    /// The convolutions before the residual blocks, each followed by the activation.
    pub(super) stem: Vec<Named>,
    /// Whether a maximum over 3 x 3 pixels with a stride of 2 follows the stem.
    pub(super) is_pooled: bool,
    pub(super) blocks: Vec<Residual>,
    /// Activation of the stem and after each sum. Inside of a block it is always ReLU.
    pub(super) activation: Activation,
    /// Name of the classifier, without `.weight`.
    pub(super) classifier: String,
    pub(super) labels: Vec<String>,
}

/// A residual block.
pub(super) struct Residual {
    /// The convolutions, in order.
    pub(super) convolutions: Vec<Named>,
    pub(super) shortcut: Shortcut,
    /// Names of the channels after each convolution but the last.
    pub(super) channels: Vec<String>,
}

/// What is added to the output of the last convolution of a residual block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shortcut {
    /// The input.
    Input,
    /// A convolution of the input.
    Convolution(Named),
    /// The mean over squares of this side, and then a convolution.
    PooledConvolution(usize, Named),
    /// Each `stride`-th pixel, with channels of zeros before and after its own ones.
    Padded {
        stride: usize,
        channels: usize,
        added: [usize; 2],
    },
}
