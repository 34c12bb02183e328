//! Batches of rows, the input of a model.
//!
//! All rows of a batch have the same shape, so rows are never padded. Attention needs no padding mask,
//! no computation is wasted on padding, and no padding enters a Gram matrix.

use candle_core::{Result, Tensor};

use super::extent::Extent;
use super::hidden::Layout;

/// Rows of one shape, the input of a model's stem.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The index of each row's example in the data set.
    pub rows: Vec<usize>,
    /// The content of the rows.
    pub input: Input,
}

/// The content of a batch, by kind of input.
#[derive(Clone, Debug)]
pub enum Input {
    /// Token ids and segment ids, and which positions are asked, all u32 `[rows, length]`.
    Tokens {
        /// Vocabulary indices.
        ids: Tensor,
        /// 0 for the first text of a pair, 1 for the second.
        types: Tensor,
        /// 1 at each position whose answers count, and 0 at all others. `None` if all count.
        asked: Option<Tensor>,
    },
    /// Preprocessed images, f32 `[rows, pixels, channels]`, and the arrangement of their [patches](ImageShape::patch).
    Pixels(Tensor, Layout),
}

/// What a model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Token ids.
    Text(TextLimits),
    /// Images.
    Pixels(ImageShape),
}

/// Shape of the images that a model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageShape {
    /// Number of rows of pixels.
    pub height: usize,
    /// Number of columns of pixels.
    pub width: usize,
    /// Number of channels.
    pub channels: usize,
    /// Side of the squares of pixels of which the model makes one position each.
    pub patch: usize,
    /// Whether the image is padded to whole squares. Otherwise, pixels beyond the last whole square are not read.
    pub padded: bool,
    /// How the number of positions changes.
    pub resolution: Resolution,
}

/// How the number of a row's positions changes along the layers of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It stays the same: the tokens of a text, or the patches of a vision transformer.
    Constant,
    /// It falls from stage to stage of a transformer, whose first stages have many positions.
    Staged,
    /// The positions are the pixels of the image, and then of the feature maps of a convolutional network.
    Maps,
}

impl Resolution {
    /// Returns the maximum number of positions of each row that a repair samples. `None` if it uses all positions.
    ///
    /// Neighboring pixels of a large map resemble each other, so a few of them from more images serve a repair better.
    fn sampled(self) -> Option<usize> {
        match self {
            Self::Constant => None,
            Self::Staged => Some(512),
            Self::Maps => Some(128),
        }
    }
}

impl ImageShape {
    /// Number of positions of an image that count to the size of a sample: its patches, or the pixels that the repair
    /// [samples](Reads::sampled_positions).
    #[must_use]
    pub fn counted(&self) -> usize {
        let (_, patches) = self.patches();
        self.resolution
            .sampled()
            .map_or(patches, |most| most.min(patches))
    }

    /// Checks that images `[rows, pixels, channels]` have this shape.
    ///
    /// # Errors
    /// Returns an error if they do not.
    pub fn check(&self, pixels: &Tensor) -> Result<()> {
        let Self {
            height,
            width,
            channels,
            ..
        } = *self;
        let (_, count, found) = pixels.dims3()?;
        if (count, found) != (height * width, channels) {
            candle_core::bail!(
                "the model reads images of {height} x {width} pixels with {channels} channels"
            );
        }
        Ok(())
    }

    /// Returns the arrangement and the number of the patches.
    #[must_use]
    pub fn patches(&self) -> (Layout, usize) {
        let [height, width] = [self.height, self.width].map(|side| match self.padded {
            true => side.div_ceil(self.patch),
            false => side / self.patch,
        });
        let layout = Layout::Map {
            height,
            width,
            lead: 0,
        };
        (layout, height * width)
    }
}

/// Limits of the token ids that a model can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimits {
    /// Maximum length of a row, in tokens.
    pub positions: usize,
    /// Number of token embeddings. Token ids must be smaller.
    pub vocabulary: usize,
    /// Number of segment embeddings. Segment ids must be smaller. 0 if the model reads no segments.
    pub segments: usize,
}

impl Reads {
    /// Returns how the number of positions changes along the layers. It stays the same for tokens.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        match self {
            Self::Text(_) => Resolution::Constant,
            Self::Pixels(shape) => shape.resolution,
        }
    }

    /// Returns the maximum number of positions of each row that a repair samples. `None` if it uses all positions.
    #[must_use]
    pub fn sampled_positions(&self) -> Option<usize> {
        self.resolution().sampled()
    }

    /// Returns the arrangement and the number of the positions of the largest row.
    #[must_use]
    pub fn largest(&self) -> (Layout, usize) {
        match *self {
            Self::Text(limits) => (Layout::Sequence, limits.positions),
            Self::Pixels(shape) => shape.patches(),
        }
    }
}

impl Batch {
    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the batch has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the number of positions (tokens or patches of an image) per row.
    #[must_use]
    pub fn length(&self) -> usize {
        match &self.input {
            Input::Tokens { ids, .. } => ids.dims()[1],
            Input::Pixels(values, layout) => match *layout {
                Layout::Map {
                    height,
                    width,
                    lead,
                } => lead + height * width,
                Layout::Sequence => values.dims()[1],
            },
        }
    }

    /// Returns the shape of the rows.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let layout = match &self.input {
            Input::Tokens { .. } => Layout::Sequence,
            Input::Pixels(_, layout) => *layout,
        };
        Extent::of(self.rows.iter().map(|_| (layout, self.length())))
    }

    /// Splits the batch into parts of at most `max_positions` positions, but at least one row. Returns each part with
    /// the index of its first row.
    ///
    /// # Errors
    /// Does not fail in practice: all parts lie within the batch.
    pub fn parts(&self, max_positions: usize) -> Result<Vec<(usize, Self)>> {
        let rows = (max_positions / self.length().max(1)).max(1);
        let firsts = (0..self.len()).step_by(rows);
        firsts
            .map(|first| Ok((first, self.narrow(first, rows.min(self.len() - first))?)))
            .collect()
    }

    /// Returns the rows `first .. first + count`.
    ///
    /// # Errors
    /// Returns an error if the batch has fewer rows.
    pub fn narrow(&self, first: usize, count: usize) -> Result<Self> {
        let rows = |tensor: &Tensor| tensor.narrow(0, first, count)?.contiguous();
        Ok(Self {
            rows: self.rows[first..first + count].to_vec(),
            input: match &self.input {
                Input::Tokens { ids, types, asked } => Input::Tokens {
                    ids: rows(ids)?,
                    types: rows(types)?,
                    asked: asked.as_ref().map(rows).transpose()?,
                },
                Input::Pixels(values, layout) => Input::Pixels(rows(values)?, *layout),
            },
        })
    }
}

impl Input {
    /// Returns the token ids and the segment ids.
    ///
    /// # Errors
    /// Returns an error for images.
    pub fn tokens(&self) -> Result<(&Tensor, &Tensor)> {
        match self {
            Self::Tokens { ids, types, .. } => Ok((ids, types)),
            Self::Pixels(..) => candle_core::bail!("the model reads token ids, not images"),
        }
    }

    /// Returns which positions are asked: 1 at each position whose answers count, u32 `[rows, length]`. `None` if all count.
    #[must_use]
    pub fn asked(&self) -> Option<&Tensor> {
        match self {
            Self::Tokens { asked, .. } => asked.as_ref(),
            Self::Pixels(..) => None,
        }
    }

    /// Returns the same token ids with other positions that are asked. Images stay.
    #[must_use]
    pub fn asking(self, positions: Tensor) -> Self {
        match self {
            Self::Tokens { ids, types, .. } => Self::Tokens {
                ids,
                types,
                asked: Some(positions),
            },
            images @ Self::Pixels(..) => images,
        }
    }

    /// Returns the pixels of images, `[rows, pixels, channels]`, and the arrangement of their patches.
    ///
    /// # Errors
    /// Returns an error for token ids.
    pub fn pixels(&self) -> Result<(&Tensor, Layout)> {
        match self {
            Self::Pixels(values, layout) => Ok((values, *layout)),
            Self::Tokens { .. } => candle_core::bail!("the model reads images, not token ids"),
        }
    }
}
