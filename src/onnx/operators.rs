//! The operators that most layers need, with their settings as arguments.

use std::ops::Range;

use super::constant::Element;
use super::graph::Graph;
use super::node::Attribute;
use super::value::Value;

impl Graph {
    /// Gives a tensor another shape. A size of 0 is that of the input, and one size may be -1: what is left.
    pub fn reshape(&mut self, value: &Value, shape: &[i64]) -> Value {
        let shape = self.ints(shape);
        self.apply("Reshape", &[value, &shape])
    }

    /// Gives the dimensions of a tensor another order.
    pub fn transpose(&mut self, value: &Value, order: &[i64]) -> Value {
        self.apply_with("Transpose", &[value], &[("perm", Attribute::Ints(order))])
    }

    /// Joins tensors along a dimension.
    pub fn concat(&mut self, parts: &[&Value], axis: i64) -> Value {
        self.apply_with("Concat", parts, &[("axis", Attribute::Int(axis))])
    }

    /// Divides a tensor along a dimension into parts of these sizes.
    pub fn split(&mut self, value: &Value, sizes: &[i64], axis: i64) -> Vec<Value> {
        let count = sizes.len();
        let sizes = self.ints(sizes);
        let axis = [("axis", Attribute::Int(axis))];
        self.node("Split", &[Some(value), Some(&sizes)], &axis, count)
    }

    /// Returns each `step`-th index of a dimension within a range. An end of [`i64::MAX`] is that of the dimension.
    pub fn slice(&mut self, value: &Value, axis: i64, range: Range<i64>, step: i64) -> Value {
        let (first, end) = (self.ints(&[range.start]), self.ints(&[range.end]));
        let (axis, step) = (self.ints(&[axis]), self.ints(&[step]));
        self.apply("Slice", &[value, &first, &end, &axis, &step])
    }

    /// Returns what a dimension has at these indices.
    pub fn gather(&mut self, value: &Value, indices: &Value, axis: i64) -> Value {
        let axis = [("axis", Attribute::Int(axis))];
        self.apply_with("Gather", &[value, indices], &axis)
    }

    /// Adds dimensions of size 1 at these places.
    pub fn unsqueeze(&mut self, value: &Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.apply("Unsqueeze", &[value, &axes])
    }

    /// Removes dimensions of size 1 at these places.
    pub fn squeeze(&mut self, value: &Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.apply("Squeeze", &[value, &axes])
    }

    /// Returns the sizes of some dimensions, one-dimensional.
    pub fn sizes(&mut self, value: &Value, dimensions: Range<i64>) -> Value {
        let only = [
            ("start", Attribute::Int(dimensions.start)),
            ("end", Attribute::Int(dimensions.end)),
        ];
        self.apply_with("Shape", &[value], &only)
    }

    /// Converts the elements of a tensor.
    pub fn cast(&mut self, value: &Value, element: Element) -> Value {
        let to = [("to", Attribute::Int(element as i64))];
        self.apply_with("Cast", &[value], &to)
    }

    /// Returns the softmax along the last dimension.
    pub fn softmax(&mut self, value: &Value) -> Value {
        self.apply_with("Softmax", &[value], &[("axis", Attribute::Int(-1))])
    }

    /// Returns the sum along a dimension, which stays with size 1.
    pub fn sum(&mut self, value: &Value, axis: i64) -> Value {
        let axis = self.ints(&[axis]);
        self.apply("ReduceSum", &[value, &axis])
    }
}
