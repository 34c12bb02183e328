//! Pooling of a feature map.

use candle_core::Result;

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::kernel::pool::Regions;
use crate::model::nn::kernel::window::Window;
use crate::model::nn::pool::{self, Pooling};
use crate::model::nn::traced::Traced;
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;
use crate::onnx::node::Attribute;
use crate::onnx::value::Value;

/// Replaces the pixels of each region by their mean or maximum: `[rows, pixels, channels]` to `[rows, regions, channels]`.
pub struct Pool {
    pooling: Pooling,
    regions: Kind,
    /// Number of channels while all units are kept.
    channels: usize,
}

/// The regions of a map.
#[derive(Clone, Copy)]
enum Kind {
    /// Sliding windows.
    Windows(Window),
    /// A grid of this size that covers the map.
    Grid([usize; 2]),
    /// Squares of this side.
    Squares(usize),
}

impl Pool {
    /// Creates a layer whose regions are sliding windows.
    #[must_use]
    pub fn windows(pooling: Pooling, window: Window, channels: usize) -> Self {
        Self {
            pooling,
            regions: Kind::Windows(window),
            channels,
        }
    }

    /// Creates a layer that averages a map to `[height, width]` positions, as adaptive average pooling does.
    #[must_use]
    pub fn mean_to(size: [usize; 2], channels: usize) -> Self {
        Self {
            pooling: Pooling::Mean,
            regions: Kind::Grid(size),
            channels,
        }
    }

    /// Creates a layer that averages squares of `side` pixels. Those at the right and the lower edge can be smaller, as with
    /// `ceil_mode` of torch.
    #[must_use]
    pub fn mean_of_squares(side: usize, channels: usize) -> Self {
        Self {
            pooling: Pooling::Mean,
            regions: Kind::Squares(side),
            channels,
        }
    }

    fn regions(&self, size: [usize; 2]) -> Regions {
        match self.regions {
            Kind::Windows(window) => pool::windows(size, window),
            Kind::Grid(grid) => pool::adaptive(size, grid),
            Kind::Squares(side) => pool::squares(size, side),
        }
    }

    fn layout(&self, before: Layout) -> Layout {
        match self.regions {
            Kind::Windows(window) => before.under(window),
            Kind::Grid([height, width]) => Layout::Map {
                height,
                width,
                lead: 0,
            },
            Kind::Squares(side) => match before {
                Layout::Sequence => Layout::Sequence,
                Layout::Map {
                    height,
                    width,
                    lead,
                } => Layout::Map {
                    height: height.div_ceil(side),
                    width: width.div_ceil(side),
                    lead,
                },
            },
        }
    }
}

impl Pool {
    /// Writes the pooling of windows into an ONNX graph. `padding` is that before both sides, then that after them.
    fn windows_onnx(
        &self,
        graph: &mut Graph,
        planes: &Value,
        side: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
    ) -> Value {
        let (side, stride) = (side.map(|size| size as i64), stride.map(|size| size as i64));
        let padding = padding.map(|size| size as i64);
        let settings = [
            ("kernel_shape", Attribute::Ints(&side)),
            ("strides", Attribute::Ints(&stride)),
            ("pads", Attribute::Ints(&padding)),
        ];
        // Neither operator counts the padding.
        let operator = match self.pooling {
            Pooling::Max => "MaxPool",
            Pooling::Mean => "AveragePool",
        };
        graph.apply_with(operator, &[planes], &settings)
    }
}

impl Layer for Pool {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let size = input.layout.size()?;
        let stream = pool::forward(self.pooling, &input.stream, size, &self.regions(size))?;
        Ok(input.arranged(stream, self.layout(input.layout)))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let size = input.layout.size()?;
        input.traced_to(self.layout(input.layout), |stream| {
            pool::traced(self.pooling, stream, size, self.regions(size))
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent.map(|layout, _| {
            let layout = self.layout(layout);
            (layout, layout.pixels())
        })
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let size = input.layout.size()?;
        let layout = self.layout(input.layout);
        let planes = input.stream.planes(graph, size);
        let pooled = match self.regions {
            Kind::Windows(window) => {
                let padding = [window.padding; 4];
                Some(self.windows_onnx(
                    graph,
                    &planes,
                    [window.side; 2],
                    [window.stride; 2],
                    padding,
                ))
            }
            Kind::Squares(side) => {
                let missing = size.map(|length| length.next_multiple_of(side) - length);
                let padding = [0, 0, missing[0], missing[1]];
                Some(self.windows_onnx(graph, &planes, [side; 2], [side; 2], padding))
            }
            Kind::Grid(grid) if grid == size => Some(planes),
            Kind::Grid([1, 1]) => Some(graph.apply("GlobalAveragePool", &[&planes])),
            Kind::Grid(_) => None,
        };
        if let Some(pooled) = pooled {
            return Ok(input.with_map(Stream::Planes(pooled), layout));
        }
        // The parts of a map that a grid does not divide evenly overlap.
        let stream = input.stream.positions(graph);
        let regions = self.regions(size);
        let pixels: usize = size.iter().product();
        let mut shares = vec![0.0; regions.len() * pixels];
        for region in 0..regions.len() {
            let of = regions.of(region);
            for &pixel in of {
                shares[region * pixels + pixel as usize] = 1.0 / of.len() as f32;
            }
        }
        let shares = graph.floats(&[regions.len(), pixels], &shares);
        let means = graph.apply("MatMul", &[&shares, &stream]);
        Ok(input.with_map(Stream::Positions(means), layout))
    }

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        let written = self.extent(extent).mean() * self.channels as f64;
        Work {
            written,
            remembered: 2.0 * written,
            ..Work::default()
        }
    }
}
