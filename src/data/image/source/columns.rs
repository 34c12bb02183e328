//! The columns of a table of images.

use crate::data::error::DataError;
use crate::data::mapping::Mapping;
use crate::data::table::Table;
use crate::data::truth::ReadTruth;

/// Common names of columns of images, or of their paths.
pub(super) const IMAGES: &[&str] = &["image", "img", "file_name", "path", "file"];

/// Whether a column holds the images, or their paths.
pub(in crate::data::image) fn is_image(mapping: &Mapping, column: &str) -> bool {
    match &mapping.text {
        Some(name) => name == column,
        None => IMAGES.contains(&column),
    }
}

/// Whether a column may hold lists as true answers.
pub(super) fn reads_list(mapping: &Mapping, truths: &dyn ReadTruth, column: &str) -> bool {
    truths.reads_lists() && is_label(mapping, truths, column)
}

/// Whether a column holds true answers.
pub(super) fn is_label(mapping: &Mapping, truths: &dyn ReadTruth, column: &str) -> bool {
    match &mapping.label {
        Some(name) => name == column,
        None => truths.columns().contains(&column),
    }
}

/// Returns the position of the column of the images or of their paths. `None` if no column has a common name.
///
/// # Errors
/// Returns [`DataError::Invalid`] if several columns have the name.
pub(super) fn image(table: &Table, mapping: &Mapping) -> Result<Option<usize>, DataError> {
    match &mapping.text {
        Some(name) => table.position(name),
        None => table.first_of(IMAGES),
    }
}

/// Returns the position of the column of the labels.
///
/// # Errors
/// Returns [`DataError::Invalid`] if no column or several columns have the name, or if no column has a common name.
pub(in crate::data::image) fn label(
    table: &Table,
    mapping: &Mapping,
    truths: &dyn ReadTruth,
) -> Result<usize, DataError> {
    match &mapping.label {
        Some(name) => table.column(name),
        None => {
            let common = table.first_of(truths.columns())?;
            common.ok_or_else(|| table.missing("a label column", "label"))
        }
    }
}
