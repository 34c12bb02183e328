//! A convolution of a feature map, with an optional activation.

use candle_core::Result;

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::nn::activation::Activation;
use crate::model::nn::convolution::Convolution;
use crate::model::nn::traced::Traced;
use crate::model::width::Widths;
use crate::model::work::Work;

/// `activation(W * x + b)`: `[rows, pixels, in]` to `[rows, windows, out]`.
pub struct Convolve {
    convolution: Convolution,
    activation: Option<Activation>,
    /// Tensor name of the weight, `[out, in, side, side]`.
    weight: String,
}

impl Convolve {
    /// Creates a layer from a convolution and the tensor name of its weight.
    #[must_use]
    pub fn new(weight: String, convolution: Convolution) -> Self {
        Self {
            convolution,
            activation: None,
            weight,
        }
    }

    /// Adds an activation after the convolution.
    #[must_use]
    pub fn activated(self, activation: Activation) -> Self {
        Self {
            activation: Some(activation),
            ..self
        }
    }
}

impl Layer for Convolve {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let size = input.layout.size()?;
        let stream = self
            .convolution
            .forward(&input.stream, size, self.activation)?;
        Ok(input.arranged(stream, input.layout.under(self.convolution.window())))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let size = input.layout.size()?;
        let layout = input.layout.under(self.convolution.window());
        input.traced_to(layout, |stream| {
            self.convolution.traced(stream, size, self.activation)
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent.under(self.convolution.window())
    }

    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let (linear, pixels) = (
            self.convolution.linear(),
            self.convolution.window().pixels(),
        );
        let inputs = widths.of(&self.weight, 1, 0..linear.inputs() / pixels);
        let outputs = widths.of(&self.weight, 0, 0..linear.outputs());
        let after = self.extent(extent).mean();
        let written = after * outputs.full;
        Work {
            macs: &inputs * &outputs * (after * pixels as f64),
            written,
            // The derivatives of the activation, and the values, which the next layer may read.
            remembered: written * if self.activation.is_some() { 2.0 } else { 1.0 },
        }
    }
}
