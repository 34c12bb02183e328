//! Images and labels in the format of the MNIST data (`-images-idx3-ubyte` and `-labels-idx1-ubyte`).

use std::io::Read;
use std::path::Path;

use super::digest;
use super::pictures::{Form, Opening, Source};
use super::strip::{Strip, Unpacked};
use crate::data::error::DataError;
use crate::data::format::Packing;

/// Opens a file of images. The file of the labels is next to it and has the same name, but with `labels` and `idx1` for
/// `images` and `idx3`.
///
/// # Errors
/// Returns [`DataError`] if a file is malformed, or if the numbers of images and labels differ.
pub(super) fn open(
    path: &Path,
    name: &str,
    packing: Packing,
    opening: &Opening<'_>,
) -> Result<Source, DataError> {
    let unpacked = Unpacked::file(path, name, packing);
    let [rows, height, width] = header(&mut unpacked.open()?, name, "images")?;
    let form = Form::Pixels {
        height,
        width,
        channels: 1,
    };
    let strip = Strip::new(unpacked, 16, rows, form, opening.limits)?;
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    let partner = own.replace("images", "labels").replace("idx3", "idx1");
    let labels = path.with_file_name(&partner);
    if partner == own || !labels.is_file() {
        return strip.source(
            name,
            None,
            &format!("{name} has no labels; put the file {partner} next to it"),
        );
    }
    let place = labels.display().to_string();
    let unpacked = Unpacked::file(&labels, &place, packing);
    let mut reader = unpacked.open()?;
    let [found] = header(&mut reader, &place, "labels")?;
    if found != rows {
        return Err(DataError::Invalid(format!(
            "{name} has {rows} images, but {partner} has {found} labels; use the two files of one dataset"
        )));
    }
    let mut bytes = vec![0; rows];
    reader
        .read_exact(&mut bytes)
        .map_err(|_| refused(&place, "labels"))?;
    let numbers = bytes.iter().map(u8::to_string).collect();
    let strip = strip.with_file(digest::record(&labels, &place)?);
    strip.source(name, Some(numbers), "")
}

/// Reads the sizes of an array of bytes with this number of dimensions.
fn header<const DIMENSIONS: usize>(
    reader: &mut dyn Read,
    name: &str,
    what: &str,
) -> Result<[usize; DIMENSIONS], DataError> {
    let mut number = || -> Result<usize, DataError> {
        let mut bytes = [0; 4];
        reader
            .read_exact(&mut bytes)
            .map_err(|_| refused(name, what))?;
        Ok(u32::from_be_bytes(bytes) as usize)
    };
    // Two zeros, the type of unsigned bytes, and the number of dimensions.
    if number()? != 0x0800 + DIMENSIONS {
        return Err(refused(name, what));
    }
    let mut sizes = [0; DIMENSIONS];
    for size in &mut sizes {
        *size = number()?;
    }
    Ok(sizes)
}

fn refused(name: &str, what: &str) -> DataError {
    DataError::Invalid(format!(
        "{name} is not a file of {what} in the format of MNIST (idx, unsigned bytes); it is truncated, or has another format"
    ))
}
