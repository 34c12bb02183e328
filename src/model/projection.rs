//! The linear map that consumes a block's units. Scoring, repair and surgery read no other weights.

use candle_core::{Result, Tensor};

use super::batch_norm::BatchNorm;
use super::nn::kernel::window::Window;
use super::nn::linear::Linear;
use super::width::Widths;
use super::work::{Terms, Width};

/// The linear map of a block, and where its checkpoint stores it.
pub struct Projection {
    /// The map, with weight `[out, columns]` and bias `[out]`, if it has one.
    pub linear: Linear,
    /// Tensor name of the weight. The stored tensor is `[out, in]`, or `[out, in, side, side]` for a convolution.
    pub weight: String,
    /// Tensor name of the bias. `None` if the checkpoint stores none there. Without a norm, a repair then fits the weight
    /// alone.
    bias: Option<String>,
    /// The window of the convolution, or [`Window::PIXEL`] for a map of each position. The columns are those of the
    /// [unfolded](super::layer::unfold::Unfold) units.
    window: Window,
    /// The norm after the map, which `linear` contains.
    norm: Option<BatchNorm>,
}

impl Projection {
    /// Creates a projection from the tensor names `{name}.weight` and, if the map has a bias, `{name}.bias`.
    #[must_use]
    pub fn new(name: &str, linear: Linear) -> Self {
        Self {
            weight: format!("{name}.weight"),
            bias: linear.bias().map(|_| format!("{name}.bias")),
            linear,
            window: Window::PIXEL,
            norm: None,
        }
    }

    /// Sets the window of a convolution.
    #[must_use]
    pub fn over(self, window: Window) -> Self {
        Self { window, ..self }
    }

    /// Sets the norm after the map, and the map that contains it.
    #[must_use]
    pub fn normed(self, (norm, linear): (BatchNorm, Linear)) -> Self {
        Self {
            linear,
            norm: Some(norm),
            ..self
        }
    }

    /// Returns the multiply-accumulates at one position.
    pub(super) fn macs(&self, widths: &Widths<'_>) -> Terms {
        let pixels = self.window.pixels();
        let inputs = widths.of(&self.weight, 1, 0..self.linear.inputs() / pixels);
        &inputs * &self.outputs(widths) * pixels as f64
    }

    /// Returns the number of outputs as a function of the kept units.
    pub(super) fn outputs(&self, widths: &Widths<'_>) -> Width {
        widths.of(&self.weight, 0, 0..self.linear.outputs())
    }

    /// Returns the tensors that store a map with the outputs of this one, `[out, in]`, by their names. The first one is the
    /// weight, `[out, in]`.
    ///
    /// # Errors
    /// Returns an error if the map has another number of outputs.
    pub fn stored(&self, linear: &Linear) -> Result<Vec<(&str, Tensor)>> {
        let mut stored = vec![(self.weight.as_str(), linear.weight().clone())];
        match (&self.norm, &self.bias, linear.bias()) {
            (Some(norm), ..) => stored.extend(norm.stored(linear)?),
            (None, Some(name), Some(bias)) => stored.push((name, bias.clone())),
            _ => {}
        }
        Ok(stored)
    }

    /// Returns the map after its stored tensors went through `round`, which receives the name and the values of each.
    ///
    /// # Errors
    /// Returns the error of `round`.
    pub fn rounded(
        &self,
        linear: &Linear,
        round: impl Fn(&str, &Tensor) -> Result<Tensor>,
    ) -> Result<Linear> {
        let stored = self.stored(linear)?.into_iter();
        let stored = stored.map(|(name, values)| round(name, &values));
        match (stored.collect::<Result<Vec<_>>>()?.as_slice(), &self.norm) {
            ([map, weight, bias], Some(norm)) => norm.folded(map, weight, bias),
            ([map, rest @ ..], _) => Ok(Linear::new(map.clone(), rest.first().cloned())),
            ([], _) => Ok(linear.clone()),
        }
    }
}
