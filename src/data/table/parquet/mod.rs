//! Reads tables in Apache Parquet, the format in which the hub stores data sets.
//!
//! It reads columns of single values and of lists of single values. Other columns are not decoded.

mod column;
pub(in crate::data) mod page_sizes;
mod pages;
mod schema;
pub(in crate::data) mod stop;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};

use self::column::{Made, Rest};
use self::schema::{Column, Shape};
use self::stop::Stop;
use super::cell::Cell;
use super::contents::{self, Contents, Reading, Row, check_fields};
use crate::data::error::DataError;
use crate::data::limits::Limits;

/// Number of rows that are decoded at once.
const BATCH: usize = 1024;

/// Reads a file.
///
/// # Errors
/// Returns [`DataError::Invalid`] if the file is not a readable Parquet file, and [`DataError::Limit`] if it exceeds
/// the limits.
pub(super) fn read(
    file: &str,
    bytes: Vec<u8>,
    reading: &Reading<'_>,
) -> Result<Contents, DataError> {
    // The library checks some properties of an untrusted file with assertions, which panic.
    let contents = catch_unwind(AssertUnwindSafe(|| decode(file, bytes, reading)));
    contents
        .unwrap_or(Err(Stop::Unreadable))
        .map_err(|stop| stop.error(file, reading.limits))
}

fn decode(file: &str, bytes: Vec<u8>, reading: &Reading<'_>) -> Result<Contents, Stop> {
    let limits = reading.limits;
    let bytes = Bytes::from(bytes);
    page_sizes::check_footer(&mut Cursor::new(&bytes))?;
    let reader = SerializedFileReader::new(bytes.clone())?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let roots = schema.root_schema().get_fields();
    let names: Vec<String> = roots.iter().map(|root| root.name().to_owned()).collect();
    // The content of the columns that are not read.
    let unread: Vec<Cell> = roots
        .iter()
        .map(|root| Cell::Nested(schema::kind(root)))
        .collect();
    let columns = schema::readable(schema, reading.lists, reading.left_out);
    check_size(file, (&reader, &bytes), &columns, names.len(), limits)?;
    let mut made = Made {
        max_bytes: limits.file_bytes,
        max_text_bytes: limits.row_bytes,
        ..Made::default()
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut all = 0;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let mut opened: Vec<(usize, Box<dyn Rest>)> = Vec::new();
        for column in &columns {
            opened.push((column.position, column::open(&*group, *column)?));
        }
        let mut left = count(group.metadata().num_rows())?;
        while left > 0 {
            let first = rows.len();
            let batch = left.min(BATCH);
            rows.extend((1..=batch).map(|row| Row {
                line: all + row,
                cells: unread.clone(),
            }));
            left -= batch;
            for (position, column) in &mut opened {
                let cells = column.next(batch, &mut made)?;
                for (row, cell) in rows[first..].iter_mut().zip(cells) {
                    row.cells[*position] = cell;
                }
            }
            all += batch;
            check_fields(file, all, names.len(), made.items, limits).map_err(Stop::Limit)?;
            rows.truncate(reading.most_kept);
        }
    }
    Ok(Contents {
        fields: contents::fields(all, names.len(), made.items),
        count: all,
        names,
        rows,
        classes: schema::classes(reader.metadata()),
        unit: "row",
        bytes: made.bytes,
    })
}

/// Checks the size that the file declares, before memory of that size is allocated. Only the columns that are read
/// count.
fn check_size(
    file: &str,
    (reader, bytes): (&SerializedFileReader<Bytes>, &Bytes),
    columns: &[Column],
    width: usize,
    limits: &Limits,
) -> Result<(), Stop> {
    let (mut unpacked, mut rows, mut values) = (0_u64, 0_usize, 0_usize);
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        rows = rows.saturating_add(count(group.metadata().num_rows())?);
        for column in columns {
            let chunk = group.metadata().column(column.leaf);
            let declared = count(chunk.uncompressed_size())? as u64;
            let pages = page_sizes::unpacked(&mut Cursor::new(bytes), chunk.byte_range())?;
            unpacked = unpacked.saturating_add(declared.max(pages));
            if column.shape != Shape::Single {
                let pages = group.get_column_page_reader(column.leaf)?;
                values = values.saturating_add(pages::declared_values(pages)?);
            }
        }
    }
    if unpacked > limits.file_bytes {
        return Err(Stop::TooLarge);
    }
    // A row without an item also counts as a value, so this is the smallest possible number of items.
    let lists = columns
        .iter()
        .filter(|column| column.shape != Shape::Single);
    let items = values.saturating_sub(rows.saturating_mul(lists.count()));
    check_fields(file, rows, width, items, limits).map_err(Stop::Limit)
}

/// Returns a declared number, which must not be negative.
fn count(number: i64) -> Result<usize, Stop> {
    usize::try_from(number).map_err(|_| Stop::Unreadable)
}
