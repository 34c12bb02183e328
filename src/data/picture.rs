//! A picture to look at.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

/// A picture in RGB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Number of rows of pixels.
    pub height: usize,
    /// Number of columns of pixels.
    pub width: usize,
    /// `[height, width]`, 8 bits per channel.
    pub pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Returns a picture of one color.
    #[must_use]
    pub fn plain(height: usize, width: usize, color: [u8; 3]) -> Self {
        Self {
            height,
            width,
            pixels: vec![color; height * width],
        }
    }

    /// Draws another picture into this one, with its upper left corner at this row and column.
    ///
    /// # Panics
    /// Panics if the other picture does not fit.
    pub fn draw(&mut self, top: usize, left: usize, other: &Self) {
        for (y, row) in other.pixels.chunks_exact(other.width).enumerate() {
            let first = (top + y) * self.width + left;
            self.pixels[first..first + other.width].copy_from_slice(row);
        }
    }

    /// Returns the picture as a PNG file.
    ///
    /// # Errors
    /// Returns [`ImageError`] if the picture is empty or larger than a PNG file can be.
    pub fn png(&self) -> Result<Vec<u8>, ImageError> {
        let mut file = Cursor::new(Vec::new());
        let size = |side: usize| u32::try_from(side).unwrap_or(0);
        PngEncoder::new(&mut file).write_image(
            self.pixels.as_flattened(),
            size(self.width),
            size(self.height),
            ExtendedColorType::Rgb8,
        )?;
        Ok(file.into_inner())
    }
}
