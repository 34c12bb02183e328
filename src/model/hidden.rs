//! What flows through a graph: the stream, and what is carried beside it for later blocks and the head.
//!
//! Channels are always the last dimension and positions always dimension 1. A feature map is its pixels in raster
//! order. The pruning method stacks, narrows and repeats hidden states without knowing what they hold.

use candle_core::{Result, Tensor};

use super::nn::kernel::window::Window;
use super::nn::traced::Traced;

/// A hidden state of several rows. A cotangent on a hidden state is a hidden state as well: one with several copies of
/// the rows, in which a slot that is missing is zero.
#[derive(Clone, Debug)]
pub struct Hidden {
    /// The stream, `[rows, positions, channels]`.
    pub stream: Tensor,
    /// How the positions are arranged.
    pub layout: Layout,
    /// Other tensors, each `[rows, ..]`, at most one per slot.
    carried: Vec<(Slot, Tensor)>,
}

/// Arrangement of the positions of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Positions in a sequence.
    Sequence,
    /// The pixels of an image or feature map in raster order, after `lead` other positions.
    Map {
        /// Number of rows of pixels.
        height: usize,
        /// Number of columns of pixels.
        width: usize,
        /// Number of positions before the pixels, for example class tokens.
        lead: usize,
    },
}

/// Purpose of a carried tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// The shortcut of a residual unit that spans several blocks, `[rows, positions, channels]`.
    Skip,
    /// Number of original positions that each position stands for, f32 `[rows, positions]`. Empty while nothing is merged.
    Sizes,
    /// A map of a backbone, by stage, `[rows, positions, channels]`.
    Level(u8),
    /// A map that the attention of queries reads, by level, `[rows, positions, channels]`.
    Memory(u8),
    /// The map whose products with queries are masks, `[rows, positions, channels]`.
    MaskFeatures,
    /// Logits of the classes of each query, beside the answers that were made of them, `[rows, queries, classes]`. The last
    /// class stands for no object.
    QueryClasses,
    /// Masks of the queries as logits, beside the answers that were made of them, `[rows, pixels, queries]`.
    QueryMasks,
    /// Numbers that are added to the scores of each query, f32 `[rows, queries, positions]`. A backward pass does not reach
    /// them.
    AttentionMask,
    /// The position that stands for each original position, u32 `[rows, original positions]`. Empty while nothing is
    /// merged.
    Origins,
    /// 1 at each position whose answers count, and 0 at all others, u32 `[rows, positions]`. Empty if all count.
    Asked,
}

impl Layout {
    /// Returns the number of positions before the pixels.
    #[must_use]
    pub fn lead(self) -> usize {
        match self {
            Self::Sequence => 0,
            Self::Map { lead, .. } => lead,
        }
    }

    /// Returns the number of pixels. 0 for a sequence.
    #[must_use]
    pub fn pixels(self) -> usize {
        match self {
            Self::Sequence => 0,
            Self::Map { height, width, .. } => height * width,
        }
    }

    /// Returns the arrangement of the windows over a map. A sequence stays.
    #[must_use]
    pub fn under(self, window: Window) -> Self {
        match self {
            Self::Sequence => Self::Sequence,
            Self::Map {
                height,
                width,
                lead,
            } => {
                let [height, width] = window.over([height, width]);
                Self::Map {
                    height,
                    width,
                    lead,
                }
            }
        }
    }

    /// Returns the numbers of rows and columns of pixels.
    ///
    /// # Errors
    /// Returns an error if there are positions that are no pixels.
    pub fn size(self) -> Result<[usize; 2]> {
        match self {
            Self::Map {
                height,
                width,
                lead: 0,
            } => Ok([height, width]),
            _ => candle_core::bail!("the positions are not those of a map"),
        }
    }
}

impl Hidden {
    /// Creates a state that carries nothing.
    #[must_use]
    pub fn new(stream: Tensor, layout: Layout) -> Self {
        Self {
            stream,
            layout,
            carried: Vec::new(),
        }
    }

    /// Creates a sequence that carries nothing, from `[rows, positions, channels]`.
    #[must_use]
    pub fn sequence(stream: Tensor) -> Self {
        Self::new(stream, Layout::Sequence)
    }

    /// Returns the same state with another stream.
    #[must_use]
    pub fn with_stream(&self, stream: Tensor) -> Self {
        self.arranged(stream, self.layout)
    }

    /// Returns the size of all tensors in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let carried = self.carried.iter().map(|(_, tensor)| tensor);
        let tensors = std::iter::once(&self.stream).chain(carried);
        tensors
            .map(|tensor| tensor.elem_count() * tensor.dtype().size_in_bytes())
            .sum()
    }

    /// Returns the same state with another stream in another arrangement.
    #[must_use]
    pub fn arranged(&self, stream: Tensor, layout: Layout) -> Self {
        Self {
            stream,
            layout,
            carried: self.carried.clone(),
        }
    }

    /// Returns the same state with other positions, which are a sequence after `lead` leading ones. Carried tensors stay.
    #[must_use]
    pub fn with_positions(&self, stream: Tensor, lead: usize) -> Self {
        let width = stream.dims()[1] - lead;
        let layout = Layout::Map {
            height: 1,
            width,
            lead,
        };
        self.arranged(stream, layout)
    }

    /// Returns the number of positions per row.
    ///
    /// # Errors
    /// Returns an error if the stream has fewer than two dimensions.
    pub fn positions(&self) -> Result<usize> {
        self.stream.dim(1)
    }

    /// Returns the tensor in a slot, or `None` if the slot is empty.
    #[must_use]
    pub fn carried(&self, slot: Slot) -> Option<&Tensor> {
        let found = self.carried.iter().find(|(own, _)| *own == slot);
        found.map(|(_, tensor)| tensor)
    }

    /// Puts a tensor into a slot.
    #[must_use]
    pub fn carrying(mut self, slot: Slot, tensor: Tensor) -> Self {
        self.carried.retain(|(own, _)| *own != slot);
        self.carried.push((slot, tensor));
        self
    }

    /// Adds a cotangent to that in a slot.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn adding(self, slot: Slot, tensor: Tensor) -> Result<Self> {
        let sum = match self.carried(slot) {
            Some(own) => (own + tensor)?,
            None => tensor,
        };
        Ok(self.carrying(slot, sum))
    }

    /// Empties a slot.
    #[must_use]
    pub fn without(mut self, slot: Slot) -> Self {
        self.carried.retain(|(own, _)| *own != slot);
        self
    }

    /// Returns the index of the position of each original position, among those of all rows. `None` if nothing is merged.
    ///
    /// # Errors
    /// Does not fail in practice: the shapes come from the state.
    pub fn places(&self) -> Result<Option<Tensor>> {
        let Some(origins) = self.carried(Slot::Origins) else {
            return Ok(None);
        };
        let (rows, positions) = (origins.dim(0)?, self.positions()?);
        let first: Vec<u32> = (0..rows).map(|row| (row * positions) as u32).collect();
        let first = Tensor::from_vec(first, (rows, 1), origins.device())?;
        Ok(Some(origins.broadcast_add(&first)?.flatten_all()?))
    }

    /// Returns the sum of the vectors of the original positions that each position stands for: `[rows, original, channels]`
    /// to `[rows, positions, channels]`. If nothing is merged, returns the same vectors.
    ///
    /// # Errors
    /// Returns an error if the shape does not match.
    pub fn summed(&self, original: &Tensor) -> Result<Tensor> {
        let Some(places) = self.places()? else {
            return Ok(original.clone());
        };
        let (rows, _, channels) = original.dims3()?;
        let positions = self.positions()?;
        let sums = (rows * positions, channels);
        let sums = Tensor::zeros(sums, original.dtype(), original.device())?;
        let sums = sums.index_add(&places, &original.flatten(0, 1)?.contiguous()?, 0)?;
        sums.reshape((rows, positions, channels))
    }

    /// Returns the mean of the vectors of the original positions that each position stands for. See
    /// [`summed`](Self::summed).
    ///
    /// # Errors
    /// Returns an error if the shape does not match.
    pub fn averaged(&self, original: &Tensor) -> Result<Tensor> {
        let sums = self.summed(original)?;
        match self.carried(Slot::Sizes) {
            Some(sizes) => sums.broadcast_div(&sizes.unsqueeze(2)?),
            None => Ok(sums),
        }
    }

    /// Returns a state with another stream, which holds `copies` copies of the rows one after another, and with as many
    /// copies of what is carried.
    ///
    /// # Errors
    /// Does not fail for carried tensors with at least one dimension.
    pub fn with_copies(&self, stream: Tensor, copies: usize) -> Result<Self> {
        let repeated = |tensor: &Tensor| {
            let mut repeats = vec![1; tensor.rank()];
            repeats[0] = copies;
            tensor.repeat(repeats)
        };
        let carried = self.carried.iter();
        let carried = carried.map(|(slot, tensor)| Ok((*slot, repeated(tensor)?)));
        Ok(Self {
            stream,
            layout: self.layout,
            carried: carried.collect::<Result<_>>()?,
        })
    }

    /// Adds another cotangent of the same state.
    ///
    /// # Errors
    /// Returns an error if shapes do not match.
    pub fn plus(self, other: Self) -> Result<Self> {
        let stream = (&self.stream + other.stream)?;
        let sum = self.arranged(stream, self.layout);
        let mut carried = other.carried.into_iter();
        carried.try_fold(sum, |sum, (slot, tensor)| sum.adding(slot, tensor))
    }

    /// Applies a step to the stream only, and returns its pullback on the whole state.
    ///
    /// # Errors
    /// Returns the error of the step.
    pub fn traced(&self, step: impl FnOnce(&Tensor) -> Result<Traced>) -> Result<Traced<Self>> {
        self.traced_to(self.layout, step)
    }

    /// Does the same as [`traced`](Self::traced) for a step that gives the stream another arrangement.
    ///
    /// # Errors
    /// Returns the error of the step.
    pub fn traced_to(
        &self,
        layout: Layout,
        step: impl FnOnce(&Tensor) -> Result<Traced>,
    ) -> Result<Traced<Self>> {
        let Traced { value, pull } = step(&self.stream)?;
        let before = self.layout;
        Ok(Traced {
            value: self.arranged(value, layout),
            pull: Box::new(move |cotangent: Self| {
                Ok(Self {
                    stream: pull(cotangent.stream)?,
                    layout: before,
                    carried: cotangent.carried,
                })
            }),
        })
    }
}
