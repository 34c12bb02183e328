//! Reads calibration and evaluation data, and turns their rows into batches for a model.
//!
//! A [`Reader`] reads the examples of one kind of input. The rest of the crate sees only its
//! [`Dataset`](dataset::Dataset)s.

pub mod dataset;
pub mod draw;
pub mod error;
pub mod examples;
pub mod excerpt;
pub mod format;
pub mod image;
pub mod inspection;
pub mod label;
pub mod label_map;
pub mod limits;
pub mod mapping;
pub mod passage;
pub mod picture;
pub mod reader;
pub mod table;
pub mod text;
pub mod truth;

use std::path::Path;
use std::sync::Arc;

use crate::model::batch::Reads;
use error::DataError;
use format::Format;
use image::ImageReader;
use limits::Limits;
use reader::Reader;
use table::Table;
use text::TextReader;

/// Checks that a file opens as a table, or as a source of images, before it is known which model reads it.
///
/// # Errors
/// Returns [`DataError`] if the file is not one of these, or exceeds the limits.
pub fn check(path: &Path, limits: &Limits) -> Result<(), DataError> {
    let name = path.display().to_string();
    match Format::of(&name) {
        Some((format, _)) if !format.is_table() => image::check(path, limits),
        _ => {
            let left_out = |column: &str| image::is_column(column);
            Table::check(path, &left_out, limits)
        }
    }
}

/// Opens the reader for the examples of a model. `folder` is the folder of the model.
///
/// # Errors
/// Returns [`DataError`] if the folder has no usable tokenizer or image processor.
pub fn open(reads: &Reads, folder: &Path) -> Result<Arc<dyn Reader>, DataError> {
    match reads {
        Reads::Text(limits) => Ok(Arc::new(TextReader::open(*limits, folder)?)),
        Reads::Pixels(shape) => Ok(Arc::new(ImageReader::open(*shape, folder)?)),
    }
}
