//! Decodes the file of a label map: the class id of each pixel.
//!
//! A label map is a PNG with a palette, whose indices are the ids and whose colors are not read, or a gray PNG, whose
//! samples are the ids.

use std::io::Cursor;

use image::ImageFormat;
use png::{BitDepth, ColorType, Decoder, Transformations};

use super::decode::{self, damaged};
use crate::data::error::DataError;

/// What the file must be, for messages.
const READABLE: &str = "PNG, with the class id of each pixel";

/// The ids of a label map.
pub(super) struct Ids {
    /// Height and width, in pixels.
    pub(super) size: [usize; 2],
    /// The ids in raster order.
    pub(super) ids: Vec<u16>,
}

/// Decodes a file.
///
/// # Errors
/// Returns [`DataError`] if the file is not a PNG, is damaged, has colors in place of ids, or has too many pixels. The
/// message names `place`.
pub(super) fn decode(bytes: &[u8], place: &str) -> Result<Ids, DataError> {
    let format = image::guess_format(bytes).ok();
    if format != Some(ImageFormat::Png) {
        let content = decode::content(bytes, format, READABLE);
        return Err(DataError::Invalid(format!(
            "the label map {place} {content}"
        )));
    }
    decode::check(bytes, place)?;
    let broken = |_| damaged(place);
    let mut decoder = Decoder::new(Cursor::new(bytes));
    // Any other transformation replaces indices by colors.
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(broken)?;
    check_kind(reader.output_color_type(), place)?;
    let length = reader.output_buffer_size().ok_or_else(|| damaged(place))?;
    let mut lines = vec![0; length];
    let frame = reader.next_frame(&mut lines).map_err(broken)?;
    let (height, width) = (frame.height as usize, frame.width as usize);
    let mut ids = Vec::with_capacity(height * width);
    for line in lines.chunks_exact(frame.line_size).take(height) {
        match frame.bit_depth {
            BitDepth::Sixteen => {
                let pairs = line.chunks_exact(2).take(width);
                ids.extend(pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])));
            }
            depth => {
                let bits = depth as usize;
                let (per_byte, mask) = (8 / bits, u8::MAX >> (8 - bits));
                // The first pixel of a byte is in its highest bits.
                let id = |x: usize| line[x / per_byte] >> (8 - bits - x % per_byte * bits) & mask;
                ids.extend((0..width).map(|x| u16::from(id(x))));
            }
        }
    }
    Ok(Ids {
        size: [height, width],
        ids,
    })
}

/// Checks that the samples are ids.
fn check_kind((color, depth): (ColorType, BitDepth), place: &str) -> Result<(), DataError> {
    let what = match (color, depth) {
        (ColorType::Indexed, _) | (ColorType::Grayscale, BitDepth::Eight | BitDepth::Sixteen) => {
            return Ok(());
        }
        // Libraries disagree on whether these samples are scaled to 255.
        (ColorType::Grayscale, _) => "gray samples of less than 8 bits",
        (ColorType::GrayscaleAlpha, _) => "an alpha channel",
        (ColorType::Rgb | ColorType::Rgba, _) => "colors",
    };
    Err(DataError::Invalid(format!(
        "the label map {place} has {what}, but the class id of each pixel is needed; save it as a PNG with a palette, whose \
         indices are the ids, or in gray with 8 or 16 bits"
    )))
}
