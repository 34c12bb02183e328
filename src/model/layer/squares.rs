//! Joins the channels of squares of positions.

use candle_core::Result;

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::rearrangement::Rearrangement;
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// Replaces each square of positions of a map by one position with the channels of all of them, one column after the other:
/// `[rows, positions, channels]` to `[rows, squares, side * side * channels]`. The map is padded with zeros at its right
/// and lower edge.
pub struct Squares {
    side: usize,
    /// Number of channels of a position of the input.
    channels: usize,
}

impl Squares {
    /// Creates a layer for squares of `side` x `side` positions with this number of channels.
    #[must_use]
    pub fn new(side: usize, channels: usize) -> Self {
        Self { side, channels }
    }

    /// Returns the arrangement of the squares.
    fn arrangement(&self, layout: Layout) -> Layout {
        match layout {
            Layout::Sequence => Layout::Sequence,
            Layout::Map { height, width, .. } => Layout::Map {
                height: height.div_ceil(self.side),
                width: width.div_ceil(self.side),
                lead: 0,
            },
        }
    }

    /// Returns the order of the positions by squares.
    fn order(&self, [height, width]: [usize; 2]) -> Rearrangement {
        let (side, right) = (self.side, width.div_ceil(self.side));
        let squares =
            (0..height.div_ceil(side) * right).map(|square| [square / right, square % right]);
        let at = squares.flat_map(|[down, right]| {
            let cells = (0..side * side).map(move |cell| [cell % side, cell / side]);
            cells.map(move |[row, column]| {
                let (row, column) = (down * side + row, right * side + column);
                (row < height && column < width).then_some(row * width + column)
            })
        });
        Rearrangement::new(height * width, at)
    }
}

impl Layer for Squares {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        Ok(self.traced(input)?.value)
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let order = self.order(input.layout.size()?);
        let (side, layout) = (self.side, self.arrangement(input.layout));
        input.traced_to(layout, |stream| {
            let (rows, _, channels) = stream.dims3()?;
            let joined = side * side * channels;
            let squares = order.places() / (side * side);
            Ok(Traced {
                value: order.apply(stream)?.reshape((rows, squares, joined))?,
                pull: Box::new(move |cotangent| {
                    let copies = cotangent.dim(0)?;
                    order.reverse(&cotangent.reshape((copies, order.places(), channels))?)
                }),
            })
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent.map(|layout, _| {
            let layout = self.arrangement(layout);
            (layout, layout.pixels())
        })
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let order = self.order(input.layout.size()?);
        let stream = input.stream.positions(graph);
        let ordered = order.onnx(graph, &stream);
        let squares = (order.places() / (self.side * self.side)) as i64;
        let joined = graph.reshape(&ordered, &[0, squares, -1]);
        Ok(input.with_map(Stream::Positions(joined), self.arrangement(input.layout)))
    }

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        let joined = self.side * self.side * self.channels;
        Work {
            written: self.extent(extent).mean() * joined as f64,
            ..Work::default()
        }
    }
}
