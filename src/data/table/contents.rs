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
    /// Number of rows, including those that are not kept.
    pub(super) count: usize,
    /// Number of fields, as in [`Limits::fields`].
    pub(super) fields: usize,
}

/// The rows of a table that is being read.
pub(super) struct Rows<'a> {
    file: &'a str,
    limits: &'a Limits,
    most: usize,
    kept: Vec<Row>,
    count: usize,
    /// Number of items of all lists.
    items: usize,
}

impl<'a> Rows<'a> {
    /// Creates an empty list of rows.
    pub(super) fn new(file: &'a str, reading: &Reading<'a>) -> Self {
        Self {
            file,
            limits: reading.limits,
            most: reading.most_kept,
            kept: Vec::new(),
            count: 0,
            items: 0,
        }
    }

    /// Returns the number of rows.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Checks the limits with one more row, of this number of columns and items of lists.
    pub(super) fn check(&self, columns: usize, items: usize) -> Result<(), DataError> {
        let items = self.items + items;
        check_fields(self.file, self.count, columns, items, self.limits)
    }

    /// Adds a row of this number of fields and items of lists. It is created only if it is kept and within the limits.
    pub(super) fn add(
        &mut self,
        columns: usize,
        items: usize,
        row: impl FnOnce() -> Row,
    ) -> Result<(), DataError> {
        self.count += 1;
        self.items += items;
        check_fields(self.file, self.count, columns, self.items, self.limits)?;
        if self.kept.len() < self.most {
            self.kept.push(row());
        }
        Ok(())
    }

    /// Returns the content of a file without class names. Rows with fewer fields than there are columns are filled up.
    pub(super) fn finish(mut self, names: Vec<String>, unit: &'static str) -> Contents {
        for row in &mut self.kept {
            row.cells.resize(names.len(), Cell::Null);
        }
        Contents {
            fields: fields(self.count, names.len(), self.items),
            count: self.count,
            names,
            rows: self.kept,
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
    /// Maximum number of rows of a file that are kept. A single one shows that the table is not empty.
    pub(super) most_kept: usize,
    pub(super) limits: &'a Limits,
}

/// Returns the number of fields, in the sense of [`Limits::fields`].
pub(super) fn fields(rows: usize, columns: usize, items: usize) -> usize {
    rows.saturating_mul(columns).saturating_add(items)
}

/// Checks the limits on columns, rows and fields before memory for them is allocated. `items` is the number of items of all
/// lists.
pub(super) fn check_fields(
    file: &str,
    rows: usize,
    columns: usize,
    items: usize,
    limits: &Limits,
) -> Result<(), DataError> {
    let what = if columns > limits.columns {
        format!(
            "{columns} columns, but the limit is {}; leave out those that are not needed",
            limits.columns
        )
    } else if rows > limits.rows {
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
