//! A decoded image.

/// The samples of an image, 8 bits each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Raster {
    /// Number of rows of pixels.
    pub(super) height: usize,
    /// Number of columns of pixels.
    pub(super) width: usize,
    /// Number of channels.
    pub(super) channels: usize,
    /// `[height, width, channels]`.
    pub(super) samples: Vec<u8>,
}

impl Raster {
    /// Returns an image in which all samples are 0.
    pub(super) fn black(height: usize, width: usize, channels: usize) -> Self {
        Self {
            height,
            width,
            channels,
            samples: vec![0; height * width * channels],
        }
    }

    /// Returns the image with this number of channels: 1 (grey) or 3 (RGB). Other channels, such as alpha, are left out.
    ///
    /// Grey is the luma of ITU-R 601-2, computed as Pillow's `convert("L")` does.
    pub(super) fn with_channels(self, channels: usize) -> Self {
        let own = self.channels;
        if own == channels {
            return self;
        }
        let pixels = self.samples.chunks_exact(own);
        let samples = match (own, channels) {
            (1 | 2, 3) => pixels.flat_map(|pixel| [pixel[0]; 3]).collect(),
            (4, 3) => pixels
                .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
                .collect(),
            (2, _) => pixels.map(|pixel| pixel[0]).collect(),
            _ => pixels.map(luma).collect(),
        };
        Self {
            channels,
            samples,
            ..self
        }
    }
}

fn luma(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16) as u8
}
