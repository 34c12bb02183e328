//! Pooling of a feature map.

use candle_core::Result;

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::kernel::pool::Regions;
use crate::model::nn::kernel::window::Window;
use crate::model::nn::pool::{self, Pooling};
use crate::model::nn::traced::Traced;
use crate::model::width::Widths;
use crate::model::work::Work;

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

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        let written = self.extent(extent).mean() * self.channels as f64;
        Work {
            written,
            remembered: 2.0 * written,
            ..Work::default()
        }
    }
}
