//! Scores with a learned number for each distance of two positions (Raffel et al. 2020), as MPNet has them.

use candle_core::{Result, Tensor};

use super::distance_attention::DistanceScores;
use crate::onnx::graph::Graph;
use crate::onnx::value::Value;

/// The number of each head for each bucket of distances.
pub struct DistanceTable {
    /// The numbers, `[heads, buckets]`.
    numbers: Tensor,
}

/// Number of buckets: 16 for keys that are not to the right of the query, and 16 for the others.
pub const BUCKETS: usize = 32;

/// Number of distances with a bucket of their own, from 0.
const EXACT: usize = 8;

/// The smallest distances in the other buckets. Beyond the last one, all distances are in one bucket.
const FIRST: [usize; 8] = [8, 12, 16, 23, 32, 46, 64, 91];

/// The smallest distance of the last bucket of each side.
const FARTHEST: i64 = FIRST[FIRST.len() - 1] as i64;

impl DistanceTable {
    /// Creates a table from its numbers, `[heads, buckets]`.
    #[must_use]
    pub fn new(numbers: Tensor) -> Self {
        Self { numbers }
    }
}

/// Returns the bucket of the distance between the positions of a query and a key.
fn bucket(query: usize, key: usize) -> u32 {
    let distance = query.abs_diff(key);
    let bucket = match distance < EXACT {
        true => distance,
        false => EXACT - 1 + FIRST.iter().filter(|&&first| first <= distance).count(),
    };
    let right = if key > query { BUCKETS / 2 } else { 0 };
    (bucket + right) as u32
}

impl DistanceScores for DistanceTable {
    fn numbers(&self, queries: usize, keys: usize) -> Result<Option<Tensor>> {
        let pairs = (0..queries).flat_map(|query| (0..keys).map(move |key| bucket(query, key)));
        let pairs = Tensor::from_iter(pairs, self.numbers.device())?;
        let numbers = self.numbers.index_select(&pairs, 1)?;
        let heads = self.numbers.dim(0)?;
        numbers.reshape((1, heads, queries, keys)).map(Some)
    }

    fn onnx(&self, graph: &mut Graph, distances: &Value) -> Result<Value> {
        let (least, most) = (
            graph.table(&[], &[-FARTHEST]),
            graph.table(&[], &[FARTHEST]),
        );
        let distances = graph.apply("Clip", &[distances, &least, &most]);
        let places = graph.apply("Add", &[&distances, &most]);
        let of_distances = (-FARTHEST..=FARTHEST).map(|distance| {
            let size = distance.unsigned_abs() as usize;
            match distance > 0 {
                true => bucket(0, size),
                false => bucket(size, 0),
            }
        });
        let of_distances = Tensor::from_iter(of_distances, self.numbers.device())?;
        let table = graph.weight(&self.numbers.index_select(&of_distances, 1)?);
        let numbers = graph.gather(&table, &places, 1);
        Ok(graph.unsqueeze(&numbers, &[0]))
    }
}
