//! Pooling of all positions of a row to one.

use candle_core::Result;

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::pool::{self, Pooling};
use crate::model::nn::traced::Traced;
use crate::model::width::Widths;
use crate::model::work::Work;

/// Replaces the positions of a row by their mean or maximum: `[rows, positions, channels]` to `[rows, 1, channels]`.
pub struct PoolRow {
    pooling: Pooling,
    /// Number of channels.
    channels: usize,
}

impl PoolRow {
    /// Creates a layer for rows with this number of channels.
    #[must_use]
    pub fn new(pooling: Pooling, channels: usize) -> Self {
        Self { pooling, channels }
    }
}

impl Layer for PoolRow {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let size = [1, input.positions()?];
        let regions = pool::adaptive(size, [1, 1]);
        let stream = pool::forward(self.pooling, &input.stream, size, &regions)?;
        Ok(Hidden::sequence(stream))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let size = [1, input.positions()?];
        let regions = pool::adaptive(size, [1, 1]);
        input.traced_to(Layout::Sequence, |stream| {
            pool::traced(self.pooling, stream, size, regions)
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent.map(|_, _| (Layout::Sequence, 1))
    }

    fn work(&self, _: &Extent, _: &Widths<'_>) -> Work {
        let written = self.channels as f64;
        Work {
            written,
            remembered: 2.0 * written,
            ..Work::default()
        }
    }
}
