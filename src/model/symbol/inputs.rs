//! The inputs of an ONNX graph, under the names that exporters use.

use super::outputs::{LENGTH, ROWS};
use crate::model::batch::ImageShape;
use crate::onnx::constant::Element;
use crate::onnx::graph::{Graph, Size};
use crate::onnx::value::Value;

/// Declares the pixels of preprocessed images, `[rows, channels, height, width]`.
#[must_use]
pub fn pixel_values(graph: &mut Graph, image: ImageShape) -> Value {
    let ImageShape {
        height,
        width,
        channels,
        ..
    } = image;
    let [channels, height, width] = [channels, height, width].map(Size::Fixed);
    let shape = [ROWS, channels, height, width];
    graph.input("pixel_values", Element::Float, &shape)
}

/// Declares a whole number for each token, `[rows, length]`.
#[must_use]
pub fn of_tokens(graph: &mut Graph, name: &str) -> Value {
    graph.input(name, Element::Int, &[ROWS, LENGTH])
}

/// Declares the mask of the padding, and returns it as f32 `[rows, length]`.
#[must_use]
pub fn attention_mask(graph: &mut Graph) -> Value {
    let mask = of_tokens(graph, "attention_mask");
    graph.cast(&mask, Element::Float)
}
