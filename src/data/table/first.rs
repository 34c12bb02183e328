//! Reads the first rows of a table.

use std::path::Path;

use super::Table;
use super::contents::Reading;
use crate::data::error::DataError;
use crate::data::limits::Limits;

impl Table {
    /// Reads the first rows of a file or folder. All rows are checked and counted.
    ///
    /// Lists are read, unless there are more than the limits allow: those that nobody needs can be many. The values of
    /// some columns of a Parquet file are left out, because they can be large.
    ///
    /// # Errors
    /// Returns the errors of [`read`](Self::read).
    pub fn first(
        path: &Path,
        most: usize,
        has_header: bool,
        left_out: &dyn Fn(&str) -> bool,
        limits: &Limits,
    ) -> Result<Self, DataError> {
        let read = |with_lists: bool| {
            let reading = Reading {
                has_header,
                lists: &|_| with_lists,
                left_out,
                most_kept: most,
                limits,
            };
            Self::open(path, &reading)
        };
        let mut table = match read(true) {
            Err(DataError::Limit(_)) => read(false)?,
            read => read?,
        };
        // Each shard of a folder has first rows.
        table.rows.truncate(most);
        Ok(table)
    }
}
