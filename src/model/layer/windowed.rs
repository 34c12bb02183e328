//! Self-attention within the windows of a map.

use std::sync::Arc;

use candle_core::{Result, Tensor};

use super::self_attention::SelfAttention;
use super::{Layer, Pulled, to_input};
use crate::model::extent::Extent;
use crate::model::hidden::{Hidden, Layout};
use crate::model::nn::bias::Bias;
use crate::model::nn::rearrangement::Rearrangement;
use crate::model::nn::traced::Traced;
use crate::model::nn::windows::{APART, Windows};
use crate::model::symbol::attention::Term;
use crate::model::symbol::state::State;
use crate::model::width::Widths;
use crate::model::work::Work;
use crate::onnx::graph::Graph;

/// The context of each head within each window: `[rows, positions, hidden]` to `[rows, positions, heads * value]`. Its inner
/// channels are the queries. Padding takes part: it is a position of zeros.
pub struct WindowedAttention {
    attention: SelfAttention,
    windows: Windows,
    /// Height and width of the maps.
    size: [usize; 2],
    /// See [`new`](Self::new).
    relative: Tensor,
    /// The windows of the maps, which have one size.
    divided: Arc<Divided>,
}

impl WindowedAttention {
    /// Creates a layer for maps `[height, width]`. `relative` has the numbers that are added to the scores of each head for
    /// each pair of positions of a window, `[1, heads, positions, positions]`.
    ///
    /// # Errors
    /// Does not fail in practice: all shapes come from the windows.
    pub fn new(
        attention: SelfAttention,
        windows: Windows,
        size: [usize; 2],
        relative: Tensor,
    ) -> Result<Self> {
        let mask = windows.mask(size, relative.device())?;
        let bias = Bias::none().plus(relative.clone());
        Ok(Self {
            attention,
            windows,
            size,
            relative,
            divided: Arc::new(Divided {
                order: windows.order(size),
                count: windows.count(size),
                bias: match mask {
                    Some(mask) => bias.plus(mask),
                    None => bias,
                },
            }),
        })
    }

    /// Returns what separates the parts of each window in an ONNX graph. `None` without a shift.
    fn separation(&self, graph: &mut Graph) -> Option<Term> {
        if self.windows.shift == 0 {
            return None;
        }
        let parts = self.windows.parts(self.size);
        let parts: Vec<i64> = parts
            .map(|[down, right]| (3 * down + right) as i64)
            .collect();
        let (count, positions) = (self.divided.count, self.windows.positions());
        let of_queries = graph.table(&[count, 1, positions, 1], &parts);
        let of_keys = graph.table(&[count, 1, 1, positions], &parts);
        let together = graph.apply("Equal", &[&of_queries, &of_keys]);
        let (zero, apart) = (graph.float(0.0), graph.float(APART));
        let numbers = graph.apply("Where", &[&together, &zero, &apart]);
        Some(Term::OfWindows(numbers, count))
    }

    /// Returns the rows of windows, with their padding.
    fn padded(&self, extent: &Extent) -> Extent {
        extent.map(|layout, positions| match layout.size() {
            Ok(size) => {
                let padded = self.windows.count(size) * self.windows.positions();
                (Layout::Sequence, padded)
            }
            Err(_) => (layout, positions),
        })
    }
}

/// The windows of a map.
struct Divided {
    order: Rearrangement,
    /// Number of windows.
    count: usize,
    bias: Bias,
}

impl Divided {
    /// Makes a row of each window: `[rows, positions, channels]` to `[rows * windows, positions of a window, channels]`.
    fn split(&self, stream: &Tensor) -> Result<Hidden> {
        let (rows, _, channels) = stream.dims3()?;
        let positions = self.order.places() / self.count.max(1);
        let shape = (rows * self.count, positions, channels);
        Ok(Hidden::sequence(self.order.apply(stream)?.reshape(shape)?))
    }

    /// Reverses [`split`](Self::split).
    fn join(&self, windows: &Tensor) -> Result<Tensor> {
        let (rows, _, channels) = windows.dims3()?;
        let shape = (rows / self.count.max(1), self.order.places(), channels);
        self.order.reverse(&windows.reshape(shape)?)
    }
}

impl Layer for WindowedAttention {
    fn forward(&self, input: &Hidden) -> Result<Hidden> {
        let divided = &self.divided;
        let windows = divided.split(&input.stream)?;
        let context = self.attention.under(&windows, None, &divided.bias)?;
        Ok(input.with_stream(divided.join(&context.stream)?))
    }

    fn traced(&self, input: &Hidden) -> Result<Traced<Hidden>> {
        Ok(to_input(self.traced_inside(input)?))
    }

    fn inner_channels(&self) -> usize {
        self.attention.inner_channels()
    }

    fn forward_masked(&self, input: &Hidden, factors: &Tensor) -> Result<Hidden> {
        let divided = &self.divided;
        let windows = divided.split(&input.stream)?;
        let factors = match *factors.dims() {
            // Every window of a row has the factors of the row.
            [rows, one, inner] => factors
                .reshape((rows, 1, one, inner))?
                .repeat((1, divided.count, 1, 1))?
                .reshape((rows * divided.count, one, inner))?,
            _ => factors.clone(),
        };
        let context = self
            .attention
            .under(&windows, Some(&factors), &divided.bias)?;
        Ok(input.with_stream(divided.join(&context.stream)?))
    }

    fn traced_inside(&self, input: &Hidden) -> Result<Traced<Hidden, Pulled>> {
        let divided = self.divided.clone();
        let windows = divided.split(&input.stream)?;
        let Traced { value, pull } = self
            .attention
            .traced_under(&windows, divided.bias.clone())?;
        let value = input.with_stream(divided.join(&value.stream)?);
        let channels = self.inner_channels();
        Ok(Traced {
            value,
            pull: Box::new(move |cotangent: Hidden| {
                let pulled = pull(divided.split(&cotangent.stream)?)?;
                let of_windows = divided.count * channels;
                let inner = pulled.inner.unwrap_or_default();
                let rows = inner.chunks_exact(of_windows.max(1));
                let sums = rows.flat_map(|windows| {
                    (0..channels).map(move |channel| {
                        let windows = windows[channel..].iter().step_by(channels);
                        windows.sum::<f32>()
                    })
                });
                Ok(Pulled {
                    inner: Some(sums.collect()),
                    input: cotangent.with_stream(divided.join(&pulled.input.stream)?),
                })
            }),
        })
    }

    fn onnx(&self, graph: &mut Graph, input: &State) -> Result<State> {
        let (order, positions) = (&self.divided.order, self.windows.positions() as i64);
        let [read, returned] = self.attention.channels().map(|channels| channels as i64);
        let stream = input.stream.positions(graph);
        let ordered = order.onnx(graph, &stream);
        let windows = graph.reshape(&ordered, &[-1, positions, read]);
        let mut terms = vec![Term::Same(graph.weight(&self.relative))];
        terms.extend(self.separation(graph));
        let length = graph.ints(&[positions]);
        let context = self
            .attention
            .onnx_under(graph, &windows, &length, &terms)?;
        let joined = graph.reshape(&context, &[-1, order.places() as i64, returned]);
        Ok(input.with(order.onnx_reverse(graph, &joined)))
    }

    fn queries_and_keys(&self, input: &Hidden) -> Result<Option<[Tensor; 2]>> {
        let windows = self.divided.split(&input.stream)?;
        self.attention.queries_and_keys(&windows)
    }

    /// Returns the work in all windows. Padding is work as well.
    fn work(&self, extent: &Extent, widths: &Widths<'_>) -> Work {
        let padded = self.padded(extent);
        let pairs = padded.mean() * self.windows.positions() as f64;
        self.attention
            .work_of_pairs(&padded, &padded, pairs, widths)
    }
}
