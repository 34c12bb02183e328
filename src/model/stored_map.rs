//! A linear map together with the tensors in which its checkpoint stores it. Repairs write these tensors.

use candle_core::{Result, Tensor};

use super::affine::Affine;
use super::batch_norm::BatchNorm;
use super::nn::kernel::window::Window;
use super::nn::linear::Linear;
use super::width::Widths;
use super::work::{Terms, Width};

/// A linear map of positions or of windows, and where its checkpoint stores it.
pub struct StoredMap {
    /// The map.
    pub affine: Affine,
    /// Tensor name of the weight. The stored tensor is `[out, in]`, or `[out, in, side, side]` for a convolution.
    pub weight: String,
    /// Whether the stored tensor of a convolution is `[out, in * side * side]`, as after a flattening.
    is_flat: bool,
    /// Tensor name of the bias. `None` if the checkpoint stores none there. Without a norm, a repair then fits the weight
    /// alone.
    bias: Option<String>,
    /// The norm after the map, which `affine` contains.
    norm: Option<BatchNorm>,
}

impl StoredMap {
    /// Creates a map of positions from the tensor names `{name}.weight` and, if the map has a bias, `{name}.bias`.
    #[must_use]
    pub fn new(name: &str, linear: Linear) -> Self {
        Self {
            weight: format!("{name}.weight"),
            is_flat: false,
            bias: linear.bias().map(|_| format!("{name}.bias")),
            affine: Affine::OfPositions(linear),
            norm: None,
        }
    }

    /// Makes the map a convolution with this window.
    ///
    /// # Errors
    /// Returns an error if the number of inputs is not a multiple of the pixels of the window.
    pub fn over(self, window: Window) -> Result<Self> {
        Ok(Self {
            affine: Affine::new(self.affine.linear().clone(), window)?,
            ..self
        })
    }

    /// Makes the stored tensor of a convolution a matrix.
    #[must_use]
    pub fn flat(self) -> Self {
        Self {
            is_flat: true,
            ..self
        }
    }

    /// Sets the norm after the map, and the map that contains it.
    #[must_use]
    pub fn normed(self, (norm, linear): (BatchNorm, Linear)) -> Self {
        Self {
            affine: Affine::OfPositions(linear),
            norm: Some(norm),
            ..self
        }
    }

    /// Returns some of the outputs as a map of their own, which is stored in rows of the same tensors.
    ///
    /// # Errors
    /// Returns an error if an output does not exist.
    pub fn of_rows(&self, rows: &[u32]) -> Result<Self> {
        let rows = Tensor::new(rows, self.linear().weight().device())?;
        let norm = self.norm.as_ref().map(|norm| norm.of_rows(&rows));
        Ok(Self {
            affine: self.affine.of_rows(&rows)?,
            weight: self.weight.clone(),
            is_flat: self.is_flat,
            bias: self.bias.clone(),
            norm: norm.transpose()?,
        })
    }

    /// Returns the map as a matrix: a weight `[out, columns]` and a bias `[out]`, if it has one.
    #[must_use]
    pub fn linear(&self) -> &Linear {
        self.affine.linear()
    }

    /// Returns the multiply-accumulates at one position.
    pub(super) fn macs(&self, widths: &Widths<'_>) -> Terms {
        let (stored, each) = match self.is_flat {
            true => (self.linear().inputs(), 1),
            false => (self.affine.channels(), self.affine.window().pixels()),
        };
        let inputs = widths.of(&self.weight, 1, 0..stored);
        &inputs * &self.outputs(widths) * each as f64
    }

    /// Returns the number of outputs as a function of the kept units.
    pub(super) fn outputs(&self, widths: &Widths<'_>) -> Width {
        widths.of(&self.weight, 0, 0..self.linear().outputs())
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
