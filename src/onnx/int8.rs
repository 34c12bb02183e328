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
use super::reachable::needed;
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
        let weights = self.constants.iter();
        let weights: HashMap<&Value, &Tensor> = weights
            .filter_map(|(name, constant)| Some((name, constant.matrix()?)))
            .filter(|(_, weight)| weight.elem_count() >= MIN_ELEMENTS)
            .collect();
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
            let rounded = match (node.operator, node.inputs.as_slice()) {
                ("MatMul", [Some(input), Some(weight)]) => match weights.get(weight) {
                    Some(weight) => Some(graph.product(input, weight)?),
                    None => None,
                },
                ("Gather", [Some(table), Some(indices)]) if node.int("axis") == Some(0) => {
                    match weights.get(table) {
                        Some(table) => Some(graph.rows(table, indices)?),
                        None => None,
                    }
                }
                _ => None,
            };
            match rounded {
                Some(value) => {
                    replaced.insert(node.outputs[0].clone(), value);
                }
                None => graph.nodes.push(node),
            }
        }
        Ok(graph)
    }

    /// Returns the share of the bytes of this graph's weights that [`int8`](Self::int8) makes smaller.
    ///
    /// # Errors
    /// Returns an error if a weight cannot be read.
    pub fn int8_share(&self) -> Result<f64> {
        let graph = self.int8()?;
        let small = needed(&graph).constants.into_iter();
        let small = small.filter(|(_, constant)| constant.element() == Element::Int8);
        let small: usize = small.map(|(_, constant)| constant.len()).sum();
        let all = needed(self).constants.into_iter();
        let all: usize = all.map(|(_, constant)| constant.len()).sum();
        Ok((small * size_of::<f32>()) as f64 / all.max(1) as f64)
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
