//! Reads tables in Apache Parquet, the format in which the hub stores data sets. Nested columns are not decoded.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::Value;

use super::cell::Cell;
use super::{Contents, Row, check_fields};
use crate::data::error::DataError;
use crate::data::limits::Limits;

/// Reads a file.
///
/// # Errors
/// Returns [`DataError::Invalid`] if the file is not a readable Parquet file, and [`DataError::Limit`] if it exceeds
/// the limits.
pub(super) fn read(file: &str, bytes: Vec<u8>, limits: &Limits) -> Result<Contents, DataError> {
    // The library checks some properties of an untrusted file with assertions, which panic.
    catch_unwind(AssertUnwindSafe(|| decode(file, bytes, limits)))
        .unwrap_or_else(|_| Err(unreadable(file)))
}

fn unreadable(file: &str) -> DataError {
    DataError::Invalid(format!(
        "{file} is not a readable Parquet file; it is truncated, corrupt, or compressed with a codec other than snappy, gzip, lz4 and zstd"
    ))
}

fn decode(file: &str, bytes: Vec<u8>, limits: &Limits) -> Result<Contents, DataError> {
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(|_| unreadable(file))?;
    let metadata = reader.metadata();
    check_size(file, metadata, limits)?;
    let schema = metadata.file_metadata().schema();
    let (names, columns): (Vec<String>, Vec<Arc<Type>>) = schema
        .get_fields()
        .iter()
        .map(|column| (column.name().to_owned(), column.clone()))
        .unzip();
    let plain: Vec<Arc<Type>> = columns
        .iter()
        .filter(|column| is_plain(column))
        .cloned()
        .collect();
    let positions: Vec<usize> = (0..columns.len())
        .filter(|&at| is_plain(&columns[at]))
        .collect();
    let (mut rows, mut made) = (Vec::new(), 0);
    if !plain.is_empty() {
        let projection = Type::group_type_builder(schema.name())
            .with_fields(plain)
            .build()
            .map_err(|_| unreadable(file))?;
        let records = reader
            .get_row_iter(Some(projection))
            .map_err(|_| unreadable(file))?;
        // A small file can be a dictionary that repeats a long text many times, so the texts themselves are counted.
        for (index, record) in records.enumerate() {
            let record = record.map_err(|_| unreadable(file))?;
            let mut cells = vec![Cell::Nested("a nested value"); names.len()];
            for (&position, (_, field)) in positions.iter().zip(record.get_column_iter()) {
                cells[position] = cell(field);
                made += cells[position].text().map_or(0, str::len) as u64;
            }
            if made > limits.file_bytes {
                return Err(too_large(file, limits));
            }
            rows.push(Row {
                line: index + 1,
                cells,
            });
            if rows.len() > limits.rows {
                break;
            }
        }
    }
    let mut contents = Contents::new(names, rows, "row");
    contents.classes = classes(metadata);
    contents.bytes = made;
    Ok(contents)
}

/// Returns whether a column has a single value per row.
fn is_plain(column: &Type) -> bool {
    column.is_primitive()
        && (!column.get_basic_info().has_repetition()
            || column.get_basic_info().repetition() != parquet::basic::Repetition::REPEATED)
}

/// Checks the size that the file declares, before memory of that size is allocated. The bytes of columns that are not
/// decoded do not count.
fn check_size(file: &str, metadata: &ParquetMetaData, limits: &Limits) -> Result<(), DataError> {
    let columns = metadata.file_metadata().schema().get_fields();
    let is_read = |name: &str| {
        let mut plain = columns.iter().filter(|column| is_plain(column));
        plain.any(|column| column.name() == name)
    };
    let chunks = metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns());
    let read = chunks.filter(|chunk| {
        let path = chunk.column_path().parts();
        path.first().is_some_and(|name| is_read(name))
    });
    let unpacked: u128 = read
        .map(|chunk| u128::try_from(chunk.uncompressed_size()).unwrap_or(u128::MAX >> 32))
        .sum();
    if unpacked > u128::from(limits.file_bytes) {
        return Err(too_large(file, limits));
    }
    let rows = usize::try_from(metadata.file_metadata().num_rows()).unwrap_or(usize::MAX);
    check_fields(file, rows, columns.len(), limits)
}

fn too_large(file: &str, limits: &Limits) -> DataError {
    DataError::Limit(format!(
        "{file} is too large when decompressed: the limit is {} bytes",
        limits.file_bytes
    ))
}

fn cell(field: &Field) -> Cell {
    match field {
        Field::Null => Cell::Null,
        Field::Bool(flag) => Cell::Flag(*flag),
        Field::Str(text) => Cell::Text(text.clone()),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Nested("bytes"),
        },
        // pandas writes a missing number as NaN.
        Field::Float(value) if value.is_nan() => Cell::Null,
        Field::Double(value) if value.is_nan() => Cell::Null,
        Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => {
            Cell::Nested("a nested value")
        }
        number => Cell::Text(number.to_string()),
    }
}

/// Returns the class names of each column that has the type `ClassLabel` of the hub's library, in the order of the
/// class indices.
fn classes(metadata: &ParquetMetaData) -> HashMap<String, Vec<String>> {
    let entries = metadata
        .file_metadata()
        .key_value_metadata()
        .into_iter()
        .flatten();
    let own = entries
        .filter(|entry| entry.key == "huggingface")
        .find_map(|entry| serde_json::from_str::<Value>(entry.value.as_deref()?).ok());
    let features = own
        .as_ref()
        .and_then(|own| own["info"]["features"].as_object());
    let classes = features
        .into_iter()
        .flatten()
        .filter_map(|(column, feature)| {
            let names =
                (feature["_type"] == "ClassLabel").then(|| feature["names"].as_array())??;
            let names: Option<Vec<String>> = names
                .iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect();
            Some((column.clone(), names?))
        });
    classes.collect()
}
