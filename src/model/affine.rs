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
use super::symbol::state::State;
use super::symbol::stream::Stream;
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

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

    /// Writes the map and the activation after it into an ONNX graph.
    ///
    /// # Errors
    /// Returns an error if the input does not have the arrangement that the map reads.
    pub fn onnx(
        &self,
        graph: &mut Graph,
        input: &State,
        activation: Option<Activation>,
    ) -> Result<State> {
        let layout = self.layout(input.layout);
        let linear = self.linear();
        let output = match (self, &input.stream) {
            // What remains of a map without inputs is its bias.
            _ if linear.inputs() == 0 => {
                let state = match layout {
                    Layout::Sequence => input.clone(),
                    Layout::Map { .. } => input.with_map(input.stream.clone(), layout),
                };
                let shape = state.shape(graph);
                let outputs = graph.ints(&[linear.outputs() as i64]);
                let shape = graph.concat(&[&shape, &outputs], 0);
                let bias = graph.weight(&linear.bias_or_zeros()?);
                Stream::Positions(graph.apply("Expand", &[&bias, &shape]))
            }
            (Self::OfPositions(_), Stream::Positions(value)) => {
                Stream::Positions(linear.onnx(graph, value)?)
            }
            (Self::OfPositions(_), Stream::Planes(value)) => {
                Stream::Planes(self.convolution_onnx(graph, value)?)
            }
            (Self::OfWindows(_), stream) => {
                let planes = stream.planes(graph, input.layout.size()?);
                Stream::Planes(self.convolution_onnx(graph, &planes)?)
            }
        };
        let output = match activation {
            Some(activation) => output.map(|value| activation.onnx(graph, value)),
            None => output,
        };
        Ok(match layout {
            Layout::Sequence => input.with_stream(output),
            Layout::Map { .. } => input.with_map(output, layout),
        })
    }

    /// Writes the map into an ONNX graph as a convolution of planes.
    fn convolution_onnx(&self, graph: &mut Graph, planes: &Value) -> Result<Value> {
        let Window {
            side,
            stride,
            padding,
        } = self.window();
        let linear = self.linear();
        let shape = (linear.outputs(), self.channels(), side, side);
        let weight = graph.weight(&linear.weight().reshape(shape)?);
        let bias = linear.bias().map(|bias| graph.weight(bias));
        let [side, stride, padding] = [side, stride, padding].map(|size| size as i64);
        let [output] = graph.results(
            "Conv",
            &[Some(planes), Some(&weight), bias.as_ref()],
            &[
                ("kernel_shape", Attribute::Ints(&[side; 2])),
                ("strides", Attribute::Ints(&[stride; 2])),
                ("pads", Attribute::Ints(&[padding; 4])),
            ],
        );
        Ok(output)
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
