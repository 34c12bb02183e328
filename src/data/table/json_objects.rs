//! Collects JSON objects as the rows of a table.

use std::collections::HashMap;

use super::cell::Cell;
use super::contents::{Contents, Reading, Row, Rows};
use super::json_row::Field;
use super::list::List;
use crate::data::error::DataError;

/// A table that is being read. The columns are in the order in which their keys first occur.
pub(super) struct Objects<'a> {
    pub(super) rows: Rows<'a>,
    names: Vec<String>,
    positions: HashMap<String, usize>,
}

impl<'a> Objects<'a> {
    /// Creates an empty table.
    pub(super) fn new(file: &'a str, reading: &Reading<'a>) -> Self {
        Self {
            rows: Rows::new(file, reading),
            names: Vec::new(),
            positions: HashMap::new(),
        }
    }

    /// Adds a row. Its cells are those of the columns that are known so far.
    pub(super) fn add(&mut self, line: usize, fields: Vec<Field>) -> Result<(), DataError> {
        let mut cells = Vec::with_capacity(fields.len());
        let mut items = 0;
        for (name, content) in fields {
            let known = self.positions.get(&name).copied();
            let position = known.unwrap_or_else(|| {
                self.positions.insert(name.clone(), self.names.len());
                self.names.push(name);
                self.names.len() - 1
            });
            items += content.list().map_or(0, List::len);
            if cells.len() <= position {
                cells.resize(position + 1, Cell::Null);
            }
            cells[position] = content;
        }
        // In the table, each row has a cell for each column.
        self.rows
            .add(self.names.len(), items, || Row { line, cells })
    }

    /// Returns the content of the table.
    pub(super) fn finish(self, unit: &'static str) -> Contents {
        self.rows.finish(self.names, unit)
    }
}
