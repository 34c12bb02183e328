//! Multi-scale deformable attention in an ONNX graph (Zhu et al. 2021).

use super::attention;
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

/// Sizes of an attention to points on several maps, whose positions lie one after another. Each position has a query.
pub struct Points<'a> {
    /// Height and width of each map.
    pub sizes: &'a [[usize; 2]],
    /// Center of each position as a share of its map, `(x, y)`.
    pub centers: &'a [[f64; 2]],
    /// Number of heads.
    pub heads: usize,
    /// Number of points of a head on each map.
    pub count: usize,
    /// Channels of the values of a head.
    pub value: usize,
}

impl Points<'_> {
    /// Writes the sum over all points. `values` are `[rows, positions, heads * value]`, `offsets`
    /// `[rows, queries, heads * levels * points * 2]` and `logits` `[rows, queries, heads * levels * points]`. The result is
    /// `[rows, queries, heads * value]`.
    #[must_use]
    pub fn sum(&self, graph: &mut Graph, [values, offsets, logits]: [&Value; 3]) -> Value {
        let (heads, levels, points) = (self.heads as i64, self.sizes.len(), self.count as i64);
        let grid = self.grid(graph, offsets);
        let logits = graph.reshape(logits, &[0, 0, heads, levels as i64 * points]);
        let weights = graph.softmax(&logits);
        let weights = graph.reshape(&weights, &[0, 0, heads, levels as i64, points]);
        let maps = self.maps(graph, values);
        let queries = self.centers.len() as i64;
        let products = maps.iter().enumerate().map(|(level, map)| {
            let grid = of_level(graph, &grid, level, &[0, 2, 1, 3, 4]);
            let grid = graph.reshape(&grid, &[-1, queries, points, 2]);
            let weights = of_level(graph, &weights, level, &[0, 2, 1, 3]);
            let weights = graph.reshape(&weights, &[-1, 1, queries, points]);
            let read = graph.apply_with(
                "GridSample",
                &[map, &grid],
                &[
                    ("mode", Attribute::Text("bilinear")),
                    ("padding_mode", Attribute::Text("zeros")),
                    ("align_corners", Attribute::Int(0)),
                ],
            );
            graph.apply("Mul", &[&read, &weights])
        });
        let products: Vec<Value> = products.collect();
        let [first, others @ ..] = products.as_slice() else {
            return attention::nothing(graph);
        };
        let others = others.iter();
        let all = others.fold(first.clone(), |sum, product| {
            graph.apply("Add", &[&sum, product])
        });
        // Dimension 3, which becomes 1, belongs to the shape that follows.
        let sum = graph.sum(&all, 3);
        let sum = graph.reshape(&sum, &[-1, heads * self.value as i64, queries]);
        graph.transpose(&sum, &[0, 2, 1])
    }

    /// Returns the points as `GridSample` reads them, from -1 at one edge of a map to 1 at the opposite one:
    /// `[rows, queries, heads, levels, points, 2]`.
    fn grid(&self, graph: &mut Graph, offsets: &Value) -> Value {
        let (heads, levels, points) = (self.heads, self.sizes.len(), self.count);
        // Runtimes repeat numbers over inner dimensions slowly, so there is one factor and one center for each offset.
        let scales = self.sizes.iter().flat_map(|&[height, width]| {
            let scales = [2.0 / width as f32, 2.0 / height as f32];
            std::iter::repeat_n(scales, points).flatten()
        });
        let scales = scales.collect::<Vec<f32>>().repeat(heads);
        let centers = self.centers.iter().flat_map(|center| {
            let center = center.map(|share| (2.0 * share - 1.0) as f32);
            std::iter::repeat_n(center, heads * levels * points).flatten()
        });
        let centers: Vec<f32> = centers.collect();
        let count = scales.len();
        let scales = graph.floats(&[count], &scales);
        let centers = graph.floats(&[1, self.centers.len(), count], &centers);
        let scaled = graph.apply("Mul", &[offsets, &scales]);
        let places = graph.apply("Add", &[&scaled, &centers]);
        let shape = [0, 0, heads as i64, levels as i64, points as i64, 2];
        graph.reshape(&places, &shape)
    }

    /// Returns the values of each map, `[rows * heads, value, height, width]`.
    fn maps(&self, graph: &mut Graph, values: &Value) -> Vec<Value> {
        let sizes: Vec<i64> = self
            .sizes
            .iter()
            .map(|[height, width]| (height * width) as i64)
            .collect();
        let maps = graph.split(values, &sizes, 1);
        let maps = maps.iter().zip(self.sizes);
        let (heads, value) = (self.heads as i64, self.value as i64);
        maps.map(|(map, &[height, width])| {
            let map = graph.reshape(map, &[0, 0, heads, value]);
            let map = graph.transpose(&map, &[0, 2, 3, 1]);
            graph.reshape(&map, &[-1, value, height as i64, width as i64])
        })
        .collect()
    }
}

/// Returns the part of a level of what has one part for each in dimension 3, with its other dimensions in this order.
fn of_level(graph: &mut Graph, all: &Value, level: usize, order: &[i64]) -> Value {
    let index = graph.table(&[], &[level as i64]);
    let part = graph.gather(all, &index, 3);
    graph.transpose(&part, order)
}
