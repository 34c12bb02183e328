//! Graphs whose weights have 8 bits, for processors that multiply whole numbers faster than real ones.
//!
//! Linear maps multiply whole numbers (dynamic quantization): each call rounds their inputs to 8 bits, with one scale per tensor.
//! Each column of a weight, which computes one output, has its own scale. Tables, such as embeddings, have a scale per row.
//! Everything else stays f32, convolutions too.
//!
//! Columns use 7 of the 8 bits. Processors without instructions for products of 8 bits add two products in 16 bits, which
//! overflow with 8. With 7, all processors give the same answers.

use std::collections::HashMap;

use candle_core::{Result, Tensor};

use super::constant::{Constant, Element};
use super::graph::Graph;
use super::node::Node;
use super::value::Value;

/// The largest whole number in a column of a linear map.
const MAX_IN_COLUMN: f64 = 63.0;
/// The largest whole number in a row of a table.
const MAX_IN_ROW: f64 = 127.0;
/// A smaller matrix stays f32. It takes little space and time.
const MIN_ELEMENTS: usize = 128;

impl Graph {
    /// Returns the graph with weights of 8 bits.
    ///
    /// # Errors
    /// Returns an error if a weight cannot be read.
    pub fn int8(&self) -> Result<Self> {
        let mut graph = self.without_nodes();
        graph.enter("int8/");
        let mut replaced: HashMap<Value, Value> = HashMap::new();
        for node in &self.nodes {
            let mut node = node.clone();
            for input in node.inputs.iter_mut().flatten() {
                if let Some(replacement) = replaced.get(input) {
                    *input = replacement.clone();
                }
            }
            match graph.rounded(&node)? {
                Some(value) => {
                    replaced.insert(node.outputs[0].clone(), value);
                }
                None => graph.nodes.push(node),
            }
        }
        Ok(graph)
    }

    /// Returns the share of the bytes of this graph's weights that [`int8`](Self::int8) makes smaller.
    #[must_use]
    pub fn int8_share(&self) -> f64 {
        let needed = super::reachable::needed(self);
        let total: usize = needed
            .constants
            .iter()
            .map(|(_, weight)| weight.len())
            .sum();
        let mut rounded: Vec<&Value> = needed
            .nodes
            .iter()
            .filter_map(|node| self.weight_of(node).map(|(name, _)| name))
            .collect();
        rounded.sort();
        rounded.dedup();
        let constants = needed.constants.iter();
        let rounded = constants.filter(|(name, _)| rounded.binary_search(name).is_ok());
        let rounded: usize = rounded.map(|(_, weight)| weight.len()).sum();
        rounded as f64 / total.max(1) as f64
    }

    /// Adds the form of a node with a weight of 8 bits. `None` if the node has none.
    fn rounded(&mut self, node: &Node) -> Result<Option<Value>> {
        let Some((_, weight)) = self.weight_of(node) else {
            return Ok(None);
        };
        let weight = weight.clone();
        let inputs: Vec<&Value> = node.inputs.iter().flatten().collect();
        Ok(Some(match node.operator {
            "MatMul" => self.product(inputs[0], &weight)?,
            _ => self.rows(&weight, inputs[1])?,
        }))
    }

    /// Returns the matrix of a node that multiplies by a matrix or reads rows of one.
    fn weight_of<'a>(&'a self, node: &'a Node) -> Option<(&'a Value, &'a Tensor)> {
        let name = match (node.operator, node.inputs.as_slice()) {
            ("MatMul", [Some(_), Some(weight)]) => weight,
            ("Gather", [Some(table), Some(_)]) if node.int("axis") == Some(0) => table,
            _ => return None,
        };
        match self.constants.iter().find(|(value, _)| value == name) {
            Some((name, Constant::Weight(weight)))
                if weight.rank() == 2 && weight.elem_count() >= MIN_ELEMENTS =>
            {
                Some((name, weight))
            }
            _ => None,
        }
    }

    /// Multiplies `[.., in]` by a weight `[in, out]`.
    fn product(&mut self, input: &Value, weight: &Tensor) -> Result<Value> {
        let [whole, scale, zero] = self.results("DynamicQuantizeLinear", &[Some(input)], &[]);
        let [columns, scales] = self.eight_bits(weight, 0, MAX_IN_COLUMN)?;
        let sums = self.apply("MatMulInteger", &[&whole, &columns, &zero]);
        let sums = self.cast(&sums, Element::Float);
        let scales = self.apply("Mul", &[&scale, &scales]);
        Ok(self.apply("Mul", &[&sums, &scales]))
    }

    /// Reads rows of a table `[rows, channels]`.
    fn rows(&mut self, table: &Tensor, indices: &Value) -> Result<Value> {
        let [table, scales] = self.eight_bits(table, 1, MAX_IN_ROW)?;
        let rows = self.gather(&table, indices, 0);
        let rows = self.cast(&rows, Element::Float);
        let scales = self.gather(&scales, indices, 0);
        Ok(self.apply("Mul", &[&rows, &scales]))
    }

    /// Adds a weight of 8 bits and its scales, which are equal along a dimension.
    fn eight_bits(&mut self, weight: &Tensor, along: usize, max: f64) -> Result<[Value; 2]> {
        let largest = weight.abs()?.max_keepdim(along)?;
        // A scale of 0 would divide 0 by 0.
        let ones = largest.ones_like()?;
        let scales = (largest.eq(0.0)?.where_cond(&ones, &largest)? / max)?;
        let whole = Constant::Int8 {
            weight: weight.clone(),
            scales: scales.clone(),
        };
        let whole = self.constant(whole);
        Ok([whole, self.weight(&scales)])
    }
}
