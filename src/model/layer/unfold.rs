//! Unfolding of a feature map into the pixels of sliding windows.

use candle_core::Result;

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::kernel::window::Window;
use crate::model::nn::traced::Traced;
use crate::model::nn::unfold::{traced, unfold};
use crate::model::width::Widths;
use crate::model::work::Work;

/// Unfolds a map of pixels: `[rows, pixels, channels]` to `[rows, windows, channels * side * side]`, in the order of the
/// weight of a convolution. With it, the map that follows is linear.
pub struct Unfold {
    window: Window,
    /// Number of channels while all units are kept.
    channels: usize,
}

impl Unfold {
    /// Creates a layer for maps with this number of channels.
    #[must_use]
    pub fn new(window: Window, channels: usize) -> Self {
        Self { window, channels }
    }
}

impl Layer for Unfold {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let stream = unfold(&input.stream, input.layout.size()?, self.window)?;
        Ok(input.arranged(stream, over(self.window, input.layout)))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let size = input.layout.size()?;
        input.traced_to(over(self.window, input.layout), |stream| {
            traced(stream, size, self.window)
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        moved(self.window, extent)
    }

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        let written = self.extent(extent).mean() * (self.channels * self.window.pixels()) as f64;
        Work {
            written,
            remembered: written,
            ..Work::default()
        }
    }
}

/// Returns the arrangement of the windows over a map.
pub(super) fn over(window: Window, layout: Layout) -> Layout {
    match layout {
        Layout::Sequence => Layout::Sequence,
        Layout::Map {
            height,
            width,
            lead,
        } => {
            let [height, width] = window.over([height, width]);
            Layout::Map {
                height,
                width,
                lead,
            }
        }
    }
}

/// Returns the shapes of the rows after a layer that makes one position of each window.
pub(super) fn moved(window: Window, extent: &Extent) -> Extent {
    extent.map(|layout, _| {
        let layout = over(window, layout);
        (layout, layout.pixels())
    })
}
