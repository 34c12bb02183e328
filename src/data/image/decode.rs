//! Decodes the file of an image as Pillow's `convert("RGB")` and `convert("L")` give it.
//!
//! PNG, WebP and BMP give the same samples. JPEG gives the same up to 5 levels of 255 (0.4 on average), because the
//! standard leaves the rounding of the transform and the interpolation of colors to the decoder.
//!
//! The first picture of an animation is read. The orientation in the metadata is ignored, as image processors do.

use std::io::Cursor;

use image::error::{ImageError, LimitErrorKind};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::limits::{MAX_PIXELS, MAX_RATIO};
use super::raster::Raster;
use crate::checkpoint::content::{Content, FIRST_BYTES};
use crate::data::error::DataError;

/// The formats of images, for messages.
const READABLE: &str = "JPEG, PNG, WebP or BMP";

/// Decodes an image and gives it this number of channels.
///
/// # Errors
/// Returns [`DataError`] if the file is not an image, is damaged, or has too many pixels. The message begins with
/// `place`.
pub(super) fn decode(bytes: &[u8], channels: usize, place: &str) -> Result<Raster, DataError> {
    let decoder = opened(bytes, place)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|error| refused(place, &error))?;
    if image::guess_format(bytes).ok() == Some(ImageFormat::Jpeg) && is_cut_short(bytes) {
        return Err(damaged(place));
    }
    let (width, height) = (image.width() as usize, image.height() as usize);
    let own = usize::from(image.color().channel_count());
    let high = |samples: Vec<u16>| samples.iter().map(|sample| (sample >> 8) as u8).collect();
    let samples = match image {
        DynamicImage::ImageLuma8(image) => image.into_raw(),
        DynamicImage::ImageLumaA8(image) => image.into_raw(),
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageRgba8(image) => image.into_raw(),
        // Pillow cuts gray samples of 16 bits at 255, but halves the bits of colors.
        DynamicImage::ImageLuma16(image) => {
            let samples = image.into_raw().into_iter();
            samples.map(|sample| sample.min(255) as u8).collect()
        }
        DynamicImage::ImageLumaA16(image) => high(image.into_raw()),
        DynamicImage::ImageRgb16(image) => high(image.into_raw()),
        DynamicImage::ImageRgba16(image) => high(image.into_raw()),
        _ => return Err(damaged(place)),
    };
    let raster = Raster {
        height,
        width,
        channels: own,
        samples,
    };
    Ok(raster.with_channels(channels))
}

/// Checks the format and the size that the file declares, without decoding it. Returns the height and the width.
///
/// # Errors
/// Returns [`DataError`] if the file is not an image, or has too many pixels. The message begins with `place`.
pub(super) fn check(bytes: &[u8], place: &str) -> Result<[usize; 2], DataError> {
    let (width, height) = opened(bytes, place)?.dimensions();
    Ok([height as usize, width as usize])
}

fn opened<'a>(bytes: &'a [u8], place: &str) -> Result<impl ImageDecoder + use<'a>, DataError> {
    let format = image::guess_format(bytes).ok();
    let known = [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Bmp,
    ];
    let Some(format) = format.filter(|format| known.contains(format)) else {
        return Err(DataError::Invalid(format!(
            "{place} {}",
            content(bytes, format, READABLE)
        )));
    };
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let decoder = reader
        .into_decoder()
        .map_err(|error| refused(place, &error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(DataError::Limit(format!(
            "{place} is too large: {width} x {height} pixels, the limit is {MAX_PIXELS} pixels; reduce the image"
        )));
    }
    let (short, long) = (width.min(height), width.max(height));
    if short == 0 || long / short > MAX_RATIO {
        return Err(DataError::Limit(format!(
            "{place} has {width} x {height} pixels; one side must not be more than {MAX_RATIO} times as long as the other; crop \
             the image, or leave it out"
        )));
    }
    Ok(decoder)
}

/// Describes a content that is not an image that can be read, as a phrase that follows its place. `readable` names what
/// it must be.
pub(super) fn content(bytes: &[u8], format: Option<ImageFormat>, readable: &str) -> String {
    match (format, Content::of(&bytes[..bytes.len().min(FIRST_BYTES)])) {
        (Some(format), _) => {
            let [name, ..] = format.extensions_str() else {
                return format!("is an image in an unsupported format; convert it to {readable}");
            };
            format!("is a .{name} image; convert it to {readable}")
        }
        (None, Some(content)) => content.instead_of("an image"),
        (None, None) => format!("is not an image in the format {readable}"),
    }
}

fn refused(place: &str, error: &ImageError) -> DataError {
    match error {
        ImageError::Limits(limit) if matches!(limit.kind(), LimitErrorKind::Unsupported { .. }) => {
            damaged(place)
        }
        ImageError::Limits(_) => DataError::Limit(format!(
            "{place} is too large: the limit is {MAX_PIXELS} pixels; reduce the image"
        )),
        ImageError::Unsupported(_) => DataError::Invalid(format!(
            "{place} is an image of an unusual kind; save it again, as an RGB image with 8 bits per channel"
        )),
        _ => damaged(place),
    }
}

/// Returns the error for an image that is damaged.
pub(super) fn damaged(place: &str) -> DataError {
    DataError::Invalid(format!(
        "{place} is a damaged image: it is truncated, or its content is corrupt; copy it again, or leave it out"
    ))
}

/// Whether the last scan of a JPEG file has no end. The decoder would fill the rest of the image with gray.
fn is_cut_short(bytes: &[u8]) -> bool {
    // In a scan, 0xff is only followed by 0, by a restart, or by the next marker.
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    match (last(0xda), last(0xd9)) {
        (Some(scan), Some(end)) => end < scan,
        _ => true,
    }
}
