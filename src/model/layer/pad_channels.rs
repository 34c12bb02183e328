//! A shortcut without weights between maps of different sizes.

use candle_core::{Result, Tensor};

use super::Layer;
use crate::model::extent::Extent;
use crate::model::hidden::Hidden;
use crate::model::nn::kernel::window::Window;
use crate::model::nn::traced::Traced;
use crate::model::nn::unfold::{fold, unfold};
use crate::model::symbol::state::State;
use crate::model::symbol::stream::Stream;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// Takes each `stride`-th pixel of a map, and adds channels of zeros before and after its own ones (He et al. 2016, option
/// A): `[rows, pixels, channels]` to `[rows, pixels', before + channels + after]`.
pub struct PadChannels {
    stride: usize,
    channels: usize,
    before: usize,
    after: usize,
}

impl PadChannels {
    /// Creates a layer for maps with this number of channels.
    #[must_use]
    pub fn new(stride: usize, channels: usize, [before, after]: [usize; 2]) -> Self {
        Self {
            stride,
            channels,
            before,
            after,
        }
    }

    fn window(&self) -> Window {
        Window {
            side: 1,
            stride: self.stride,
            padding: 0,
        }
    }
}

impl Layer for PadChannels {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let window = self.window();
        let pixels = unfold(&input.stream, input.layout.size()?, window)?;
        let padded = pixels.pad_with_zeros(2, self.before, self.after)?;
        Ok(input.arranged(padded, input.layout.under(window)))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        let (window, size) = (self.window(), input.layout.size()?);
        let (before, channels) = (self.before, self.channels);
        let value = self.forward(input)?;
        input.traced_to(value.layout, |_| {
            Ok(Traced {
                value: value.stream,
                pull: Box::new(move |cotangent: Tensor| {
                    let own = cotangent.narrow(2, before, channels)?.contiguous()?;
                    fold(&own, size, window)
                }),
            })
        })
    }

    fn extent(&self, extent: &Extent) -> Extent {
        extent.under(self.window())
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let window = self.window();
        let planes = input.stream.planes(graph, input.layout.size()?);
        let pixels = [2, 3].into_iter().fold(planes, |planes, axis| {
            graph.slice(&planes, axis, 0..i64::MAX, self.stride as i64)
        });
        let (before, after) = (self.before as i64, self.after as i64);
        let added = graph.ints(&[0, before, 0, 0, 0, after, 0, 0]);
        let padded = graph.apply("Pad", &[&pixels, &added]);
        Ok(input.with_map(Stream::Planes(padded), input.layout.under(window)))
    }

    fn work(&self, extent: &Extent, _: &Widths<'_>) -> Work {
        let channels = (self.before + self.channels + self.after) as f64;
        let written = self.extent(extent).mean() * channels;
        Work {
            written,
            remembered: written,
            ..Work::default()
        }
    }
}
