//! A linear map with a bias, of each position or of each window over a feature map.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::extent::Extent;
use super::hidden::{Hidden, Layout};
use super::nn::activation::Activation;
use super::nn::convolution::Convolution;
use super::nn::kernel::window::Window;
use super::nn::linear::Linear;
use super::nn::traced::Traced;
use super::nn::unfold::{unfold, unfold_at};

/// A linear map with a bias.
#[derive(Clone, Debug)]
pub enum Affine {
    /// The same map at every position.
    OfPositions(Linear),
    /// A convolution.
    OfWindows(Convolution),
}

impl Affine {
    /// Creates the map of each window.
    ///
    /// # Errors
    /// Returns an error if the number of inputs is not a multiple of the pixels of the window.
    pub fn new(linear: Linear, window: Window) -> Result<Self> {
        Ok(match window == Window::PIXEL {
            true => Self::OfPositions(linear),
            false => Self::OfWindows(Convolution::new(linear, window)?),
        })
    }

    /// Returns the map as a matrix over its columns: the channels of a position, or the pixels of each channel of a window.
    #[must_use]
    pub fn linear(&self) -> &Linear {
        match self {
            Self::OfPositions(linear) => linear,
            Self::OfWindows(convolution) => convolution.linear(),
        }
    }

    /// Returns the window.
    #[must_use]
    pub fn window(&self) -> Window {
        match self {
            Self::OfPositions(_) => Window::PIXEL,
            Self::OfWindows(convolution) => convolution.window(),
        }
    }

    /// Returns the same kind of map with another matrix.
    ///
    /// # Errors
    /// Returns an error if the number of inputs is not a multiple of the pixels of the window.
    pub fn with(&self, linear: Linear) -> Result<Self> {
        Self::new(linear, self.window())
    }

    /// Returns the map to some of its outputs.
    ///
    /// # Errors
    /// Returns an error if an output does not exist.
    pub fn of_rows(&self, rows: &Tensor) -> Result<Self> {
        let linear = self.linear();
        let weight = linear.weight().index_select(rows, 0)?;
        let bias = linear.bias().map(|bias| bias.index_select(rows, 0));
        self.with(Linear::new(weight, bias.transpose()?))
    }

    /// Returns the number of channels that the map reads.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.linear().inputs() / self.window().pixels()
    }

    /// Returns the columns of the matrix that belong to neighboring channels.
    #[must_use]
    pub fn columns_of(&self, channels: Range<usize>) -> Range<usize> {
        let pixels = self.window().pixels();
        channels.start * pixels..channels.end * pixels
    }

    /// Applies the map: `[rows, positions, channels]` to `[rows, positions or windows, out]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn forward(&self, input: &Hidden) -> Result<Hidden> {
        self.forward_activated(input, None)
    }

    /// Applies the map and then the activation, if there is one.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn forward_activated(
        &self,
        input: &Hidden,
        activation: Option<Activation>,
    ) -> Result<Hidden> {
        let stream = &input.stream;
        let stream = match (self, activation) {
            (Self::OfPositions(linear), Some(activation)) => {
                linear.forward_activated(stream, activation)
            }
            (Self::OfPositions(linear), None) => linear.forward(stream),
            (Self::OfWindows(convolution), activation) => {
                convolution.forward(stream, input.layout.size()?, activation)
            }
        };
        Ok(input.arranged(stream?, self.layout(input.layout)))
    }

    /// Computes the same as [`forward_activated`](Self::forward_activated), with a pullback.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn traced(&self, input: &Hidden, activation: Option<Activation>) -> Result<Traced<Hidden>> {
        let layout = self.layout(input.layout);
        input.traced_to(layout, |stream| match (self, activation) {
            (Self::OfPositions(linear), Some(activation)) => {
                linear.traced_activated(stream, activation)
            }
            (Self::OfPositions(linear), None) => linear.traced(stream),
            (Self::OfWindows(convolution), activation) => {
                convolution.traced(stream, input.layout.size()?, activation)
            }
        })
    }

    /// Pulls a cotangent on the output back to an input with this arrangement.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn pull(&self, cotangent: &Tensor, units: Layout) -> Result<Tensor> {
        match self {
            Self::OfPositions(linear) => linear.pull(cotangent),
            Self::OfWindows(convolution) => convolution.pull(cotangent, units.size()?),
        }
    }

    /// Returns the columns that the matrix reads, `[rows, positions or windows, columns]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn columns(&self, units: &Hidden) -> Result<Tensor> {
        match self {
            Self::OfPositions(_) => Ok(units.stream.clone()),
            Self::OfWindows(_) => unfold(&units.stream, units.layout.size()?, self.window()),
        }
    }

    /// Returns the columns at some places among the positions or windows of all rows, `[places, columns]`.
    ///
    /// # Errors
    /// Returns an error if shapes do not match or a place does not exist.
    pub fn columns_at(&self, units: &Hidden, places: &[u32]) -> Result<Tensor> {
        match self {
            Self::OfPositions(_) => {
                let places = Tensor::new(places, units.stream.device())?;
                units.stream.flatten(0, 1)?.index_select(&places, 0)
            }
            Self::OfWindows(_) => {
                let size = units.layout.size()?;
                unfold_at(&units.stream, size, self.window(), places)
            }
        }
    }

    /// Returns the arrangement of the output.
    #[must_use]
    pub fn layout(&self, units: Layout) -> Layout {
        units.under(self.window())
    }

    /// Returns the shapes of the rows of the output.
    #[must_use]
    pub fn extent(&self, units: &Extent) -> Extent {
        match self {
            Self::OfPositions(_) => units.clone(),
            Self::OfWindows(_) => units.under(self.window()),
        }
    }
}
