//! One column of a table, in selected rows.

use super::Table;
use super::cell::Cell;

/// The fields of one column, in the rows that are read.
#[derive(Clone, Copy)]
pub struct Column<'a> {
    /// The table.
    pub table: &'a Table,
    /// The rows that are read, in order.
    pub rows: &'a [usize],
    /// Position of the column in the table.
    pub position: usize,
}

impl<'a> Column<'a> {
    /// Selects a column, by its position, and rows of a table.
    #[must_use]
    pub fn new(table: &'a Table, rows: &'a [usize], position: usize) -> Self {
        Self {
            table,
            rows,
            position,
        }
    }

    /// Returns the name of the column.
    #[must_use]
    pub fn name(self) -> &'a str {
        &self.table.names[self.position]
    }

    /// Returns the field in a row.
    #[must_use]
    pub fn cell(self, row: usize) -> &'a Cell {
        &self.table.rows[row].cells[self.position]
    }

    /// Returns the location of a field, for messages.
    #[must_use]
    pub fn place(self, row: usize) -> String {
        format!("{}, column \"{}\"", self.table.place(row), self.name())
    }
}
