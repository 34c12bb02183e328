//! Scores of a local attention: positions that are far from each other do not read each other.

use candle_core::{Device, Result, Tensor};

use super::distance_attention::DistanceScores;
use crate::model::symbol::attention::LOWEST;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// The largest distance, on both sides, of a position and another one that it reads. Scores of positions that are farther from
/// each other are computed, too, as in PyTorch and in ONNX graphs.
pub struct Reach {
    distance: usize,
    device: Device,
}

impl Reach {
    /// Creates the scores for a model on this device.
    #[must_use]
    pub fn new(distance: usize, device: &Device) -> Self {
        Self {
            distance,
            device: device.clone(),
        }
    }
}

impl DistanceScores for Reach {
    fn numbers(&self, queries: usize, keys: usize) -> Result<Option<Tensor>> {
        if keys <= self.distance + 1 {
            return Ok(None);
        }
        let numbers = (0..queries).flat_map(|query| {
            (0..keys).map(move |key| match query.abs_diff(key) <= self.distance {
                true => 0.0,
                false => f32::NEG_INFINITY,
            })
        });
        let numbers = numbers.collect::<Vec<f32>>();
        Tensor::from_vec(numbers, (1, 1, queries, keys), &self.device).map(Some)
    }

    fn onnx(&self, graph: &mut Graph, distances: &Value) -> Result<Value> {
        let distances = graph.apply("Abs", &[distances]);
        let reach = graph.table(&[], &[self.distance as i64]);
        let is_near = graph.apply("LessOrEqual", &[&distances, &reach]);
        let (zero, lowest) = (graph.float(0.0), graph.float(LOWEST));
        let numbers = graph.apply("Where", &[&is_near, &zero, &lowest]);
        Ok(graph.unsqueeze(&numbers, &[0, 1]))
    }
}
