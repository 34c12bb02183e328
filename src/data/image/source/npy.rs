//! Arrays in the format of NumPy (`.npy`).

use std::io::Read;
use std::path::Path;

use super::pictures::{Form, Opening, Source};
use super::strip::{Strip, Unpacked};
use crate::data::error::DataError;
use crate::data::format::Packing;

/// Maximum size of a header, in bytes.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// The header of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Type of the items, for example `|u1`.
    pub(super) dtype: String,
    /// Whether the first dimension is contiguous, and not the last one.
    fortran: bool,
    pub(super) shape: Vec<usize>,
    /// Number of bytes before the items.
    pub(super) bytes: u64,
}

/// Opens an array of images. It has no labels.
///
/// # Errors
/// Returns [`DataError`] if the file is not an array of images.
pub(super) fn open(path: &Path, name: &str, opening: &Opening<'_>) -> Result<Source, DataError> {
    let unpacked = Unpacked::file(path, name, Packing::Plain);
    let header = Header::read(&mut unpacked.open()?, name)?;
    let form = header.form(name)?;
    let strip = Strip::new(
        unpacked,
        header.bytes,
        header.shape[0],
        form,
        opening.limits,
    )?;
    let remedy = "write a .npz file with the images as x and the labels as y";
    strip.source(name, None, &format!("{name} has no labels; {remedy}"))
}

impl Header {
    /// Reads the header of an array.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if there is none.
    pub(super) fn read(reader: &mut dyn Read, name: &str) -> Result<Self, DataError> {
        let refused = || {
            DataError::Invalid(format!(
                "{name} is not an array in the format of NumPy; it is truncated, or was not written by numpy.save or numpy.savez"
            ))
        };
        let mut start = [0; 8];
        reader.read_exact(&mut start).map_err(|_| refused())?;
        let [0x93, b'N', b'U', b'M', b'P', b'Y', version, _] = start else {
            return Err(refused());
        };
        let mut length = [0; 4];
        let width = if version == 1 { 2 } else { 4 };
        reader
            .read_exact(&mut length[..width])
            .map_err(|_| refused())?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_HEADER_BYTES {
            return Err(refused());
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).map_err(|_| refused())?;
        let text = String::from_utf8_lossy(&text);
        Self::parse(&text, (start.len() + width + length) as u64).ok_or_else(refused)
    }

    /// Parses a dictionary of Python: `{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }`.
    fn parse(text: &str, bytes: u64) -> Option<Self> {
        let after = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}':"))?;
            Some(rest.trim_start())
        };
        let dtype = after("descr")?.strip_prefix('\'')?.split('\'').next()?;
        let shape = after("shape")?.strip_prefix('(')?.split(')').next()?;
        let sides = shape
            .split(',')
            .map(str::trim)
            .filter(|side| !side.is_empty());
        Some(Self {
            dtype: dtype.to_owned(),
            fortran: after("fortran_order")?.starts_with("True"),
            shape: sides.map(|side| side.parse().ok()).collect::<Option<_>>()?,
            bytes,
        })
    }

    /// Returns the form of the images.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if this is not an array of images.
    pub(super) fn form(&self, name: &str) -> Result<Form, DataError> {
        let refused = |what: String| {
            DataError::Invalid(format!(
                "{name} {what}; images must be an array of uint8 with the shape (images, height, width) or (images, height, width, \
                 channels), with 1, 3 or 4 channels"
            ))
        };
        if self.dtype != "|u1" {
            return Err(refused(format!("has the type {}", self.dtype)));
        }
        if self.fortran {
            return Err(refused(
                "is stored in the order of Fortran (use numpy.ascontiguousarray)".to_owned(),
            ));
        }
        let (height, width, channels) = match self.shape.as_slice() {
            [_, height, width] => (*height, *width, 1),
            [_, height, width, channels @ (1 | 3 | 4)] => (*height, *width, *channels),
            _ => return Err(refused(format!("has the shape {:?}", self.shape))),
        };
        Ok(Form::Pixels {
            height,
            width,
            channels,
        })
    }

    /// Reads the items of a list of whole numbers as texts.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if this is not a list of whole numbers with `rows` items.
    pub(super) fn numbers(
        &self,
        reader: &mut dyn Read,
        rows: usize,
        name: &str,
    ) -> Result<Vec<String>, DataError> {
        let refused = |what: String| {
            DataError::Invalid(format!(
                "{name} {what}; labels must be an array of {rows} whole numbers, one for each image"
            ))
        };
        let is_list = matches!(self.shape.as_slice(), [found] | [found, 1] if *found == rows);
        if !is_list {
            return Err(refused(format!("has the shape {:?}", self.shape)));
        }
        let (big, kind) = match self.dtype.split_at_checked(1) {
            Some((order, kind)) => (order == ">", kind),
            None => (false, ""),
        };
        let width = match kind {
            "b1" | "i1" | "u1" => 1,
            "i2" | "u2" => 2,
            "i4" | "u4" => 4,
            "i8" | "u8" => 8,
            _ => return Err(refused(format!("has the type {}", self.dtype))),
        };
        let mut bytes = vec![0; rows * width];
        reader
            .read_exact(&mut bytes)
            .map_err(|_| refused("is truncated".to_owned()))?;
        let number = |item: &[u8]| {
            let mut item = item.to_vec();
            if !big {
                item.reverse();
            }
            let negative = kind.starts_with('i') && item[0] >= 0x80;
            let filler = if negative { 0xff } else { 0 };
            let mut whole = [filler; 16];
            whole[16 - width..].copy_from_slice(&item);
            i128::from_be_bytes(whole).to_string()
        };
        Ok(bytes.chunks_exact(width).map(number).collect())
    }
}
