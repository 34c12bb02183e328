//! The content of a single file, before it becomes a table.

use std::collections::HashMap;

use super::cell::Cell;
use crate::data::error::DataError;
use crate::data::limits::Limits;

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// First line of the row in a text file, or the number of the row; from 1.
    pub line: usize,
    /// Fields, one per column.
    pub cells: Vec<Cell>,
}

/// Content of a single file.
pub(super) struct Contents {
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) classes: HashMap<String, Vec<String>>,
    /// Word for a row in messages.
    pub(super) unit: &'static str,
    /// Size of the decompressed file, in bytes. For Parquet, the size of the decoded texts is added.
    pub(super) bytes: u64,
    /// Number of fields, as in [`Limits::fields`].
    pub(super) fields: usize,
}

impl Contents {
    /// Returns a content without class names. `items` is the number of items of all lists.
    pub(super) fn new(
        names: Vec<String>,
        rows: Vec<Row>,
        items: usize,
        unit: &'static str,
    ) -> Self {
        Self {
            fields: fields(rows.len(), names.len(), items),
            names,
            rows,
            classes: HashMap::new(),
            unit,
            bytes: 0,
        }
    }
}

/// How a file is read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    /// Whether the first row of a TSV or CSV file names the columns.
    pub(super) has_header: bool,
    /// Returns whether the lists of a column are read, by the name of the column.
    pub(super) lists: &'a dyn Fn(&str) -> bool,
    /// Returns whether the values of a column of a Parquet file are left out, by the name of the column.
    pub(super) left_out: &'a dyn Fn(&str) -> bool,
    pub(super) limits: &'a Limits,
}

/// Returns the number of fields, in the sense of [`Limits::fields`].
fn fields(rows: usize, columns: usize, items: usize) -> usize {
    rows.saturating_mul(columns).saturating_add(items)
}

/// Checks the limits on rows and fields before memory for them is allocated. `items` is the number of items of all
/// lists.
pub(super) fn check_fields(
    file: &str,
    rows: usize,
    columns: usize,
    items: usize,
    limits: &Limits,
) -> Result<(), DataError> {
    let what = if rows > limits.rows {
        format!("more than {} rows, which is the limit", limits.rows)
    } else if fields(rows, columns, items) > limits.fields {
        let lists = match items {
            0 => String::new(),
            items => format!(" and {items} items in lists"),
        };
        format!(
            "{rows} rows of {columns} columns{lists}, but the limit is {} fields",
            limits.fields
        )
    } else {
        return Ok(());
    };
    Err(DataError::Limit(format!("{file} has {what}")))
}
