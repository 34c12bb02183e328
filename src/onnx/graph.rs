//! A builder of graphs.
//!
//! Operators have no side effects, so equal applications of an operator to the same values are one node. Nodes whose results
//! no output needs are left out of the file.

use std::collections::HashMap;

use candle_core::Tensor;
use prost::Message;

use super::constant::{Constant, Element, Key};
use super::node::{Attribute, Node};
use super::value::Value;

/// The size of a dimension of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A size that all calls have.
    Fixed(usize),
    /// A size that differs by call. Equal names have equal sizes.
    Any(&'static str),
}

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// The tensor.
    pub value: Value,
    /// Type of its elements.
    pub element: Element,
    /// Its shape.
    pub shape: Vec<Size>,
}

/// A graph under construction.
#[derive(Default)]
pub struct Graph {
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    pub(super) nodes: Vec<Node>,
    pub(super) constants: Vec<(Value, Constant)>,
    known_nodes: HashMap<Vec<u8>, Vec<Value>>,
    known_constants: HashMap<Key, Value>,
    scope: String,
}

impl Graph {
    /// Sets the beginning of the names of the nodes that follow, for example that of a block.
    pub fn enter(&mut self, scope: impl Into<String>) {
        self.scope = scope.into();
    }

    /// Declares an input.
    pub fn input(&mut self, name: &str, element: Element, shape: &[Size]) -> Value {
        let value = Value::named(name);
        self.inputs.push(Port {
            value: value.clone(),
            element,
            shape: shape.to_vec(),
        });
        value
    }

    /// Returns the inputs.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Returns the outputs.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Makes a tensor an output of this name. Its elements are f32.
    pub fn output(&mut self, name: &str, value: &Value, shape: &[Size]) {
        let named = Value::named(name);
        self.nodes.push(Node {
            operator: "Identity",
            inputs: vec![Some(value.clone())],
            attributes: Vec::new(),
            outputs: vec![named.clone()],
        });
        self.outputs.push(Port {
            value: named,
            element: Element::Float,
            shape: shape.to_vec(),
        });
    }

    /// Adds a weight, f32. Its numbers are read when the graph is written.
    pub fn weight(&mut self, tensor: &Tensor) -> Value {
        self.constant(Constant::Weight(tensor.clone()))
    }

    /// Adds real numbers in this shape.
    pub fn floats(&mut self, shape: &[usize], values: &[f32]) -> Value {
        self.constant(Constant::floats(shape, values))
    }

    /// Adds a real number.
    pub fn float(&mut self, value: f32) -> Value {
        self.floats(&[], &[value])
    }

    /// Adds a list of whole numbers.
    pub fn ints(&mut self, values: &[i64]) -> Value {
        self.constant(Constant::ints(&[values.len()], values))
    }

    /// Adds whole numbers in this shape.
    pub fn table(&mut self, shape: &[usize], values: &[i64]) -> Value {
        self.constant(Constant::ints(shape, values))
    }

    /// Returns the inputs, outputs and constants without the nodes.
    pub(super) fn without_nodes(&self) -> Self {
        Self {
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            constants: self.constants.clone(),
            ..Self::default()
        }
    }

    pub(super) fn constant(&mut self, constant: Constant) -> Value {
        let key = constant.key();
        if let Some(known) = self.known_constants.get(&key) {
            return known.clone();
        }
        let value = Value::named(&format!("constant_{}", self.constants.len()));
        self.known_constants.insert(key, value.clone());
        self.constants.push((value.clone(), constant));
        value
    }

    /// Applies an operator without attributes.
    pub fn apply(&mut self, operator: &'static str, inputs: &[&Value]) -> Value {
        self.apply_with(operator, inputs, &[])
    }

    /// Applies an operator.
    pub fn apply_with(
        &mut self,
        operator: &'static str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute<'_>)],
    ) -> Value {
        let inputs: Vec<Option<&Value>> = inputs.iter().map(|&value| Some(value)).collect();
        let [value] = self.results(operator, &inputs, attributes);
        value
    }

    /// Applies an operator, of whose optional arguments some are left out, and returns its first results.
    pub fn results<const N: usize>(
        &mut self,
        operator: &'static str,
        inputs: &[Option<&Value>],
        attributes: &[(&str, Attribute<'_>)],
    ) -> [Value; N] {
        let found = self.node(operator, inputs, attributes, N);
        std::array::from_fn(|index| found[index].clone())
    }

    /// Applies an operator and returns this number of results.
    pub fn node(
        &mut self,
        operator: &'static str,
        inputs: &[Option<&Value>],
        attributes: &[(&str, Attribute<'_>)],
        results: usize,
    ) -> Vec<Value> {
        let attributes = attributes.iter();
        let mut node = Node {
            operator,
            inputs: inputs.iter().map(|input| input.cloned()).collect(),
            attributes: attributes
                .map(|(name, attribute)| attribute.named(name))
                .collect(),
            outputs: Vec::new(),
        };
        let key = key(&node, results);
        if let Some(known) = self.known_nodes.get(&key) {
            return known.clone();
        }
        let name = format!("{}{operator}_{}", self.scope, self.nodes.len());
        node.outputs = (0..results)
            .map(|index| match index {
                0 => Value::named(&name),
                _ => Value::named(&format!("{name}.{index}")),
            })
            .collect();
        let outputs = node.outputs.clone();
        self.known_nodes.insert(key, outputs.clone());
        self.nodes.push(node);
        outputs
    }
}

/// Returns what equal nodes have in common.
fn key(node: &Node, results: usize) -> Vec<u8> {
    let mut key = format!("{} {results}", node.operator).into_bytes();
    for input in &node.inputs {
        key.push(0);
        key.extend(input.as_ref().map_or("", Value::name).as_bytes());
    }
    for attribute in &node.attributes {
        key.push(0);
        key.extend(attribute.encode_to_vec());
    }
    key
}
