//! Reads the shards of a folder as one table.

use std::path::{Path, PathBuf};

use super::cell::Cell;
use super::contents::{Contents, Reading, Row};
use super::{Table, contents};
use crate::data::error::DataError;
use crate::data::format::{self, Format, Packing};

impl Table {
    /// Reads all data files of a folder, sorted by name. They must have the same format.
    pub(super) fn of_shards(
        folder: &Path,
        name: &str,
        reading: &Reading<'_>,
    ) -> Result<Self, DataError> {
        let failed = |source| DataError::Io {
            path: name.to_owned(),
            source,
        };
        let mut files: Vec<(PathBuf, String, Format, Packing)> = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let own = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if let Some((format, packing)) = Format::of(&own)
                .filter(|(format, _)| format.is_table() && path.is_file() && !own.starts_with('.'))
            {
                files.push((path, own, format, packing));
            }
        }
        files.sort();
        let Some((_, first, format, _)) = files.first().cloned() else {
            return Err(DataError::Invalid(format!(
                "the folder {name} contains no data file; it must contain files in one of these formats: {}",
                format::tables()
            )));
        };
        if let Some((_, other, ..)) = files.iter().find(|(_, _, own, _)| *own != format) {
            return Err(DataError::Invalid(format!(
                "the folder {name} contains data files of different formats ({first}, {other}); name one file, or keep only the shards of one table in the folder"
            )));
        }
        let mut whole: Option<Self> = None;
        let mut left = *reading.limits;
        for (path, own, format, packing) in files {
            let reading = Reading {
                limits: &left,
                ..*reading
            };
            let (contents, read) = contents(&path, &own, format, packing, &reading)?;
            left.file_bytes = left.file_bytes.saturating_sub(contents.bytes);
            left.rows = left.rows.saturating_sub(contents.count);
            left.fields = left.fields.saturating_sub(contents.fields);
            match &mut whole {
                None => {
                    let mut table = Self::new(name.to_owned(), contents, read);
                    table.shards.push((0, own));
                    whole = Some(table);
                }
                Some(table) => {
                    table.append(contents, own, format)?;
                    table.files.push(read);
                }
            }
        }
        whole.ok_or_else(|| DataError::NotFound(name.to_owned()))
    }

    /// Appends a shard. JSON shards may have different columns, because not all rows must have all keys.
    fn append(
        &mut self,
        contents: Contents,
        shard: String,
        format: Format,
    ) -> Result<(), DataError> {
        let first = self.shards.first().map_or("", |(_, first)| first);
        let has_keys = matches!(format, Format::Json | Format::JsonLines);
        if self.names != contents.names && !has_keys {
            return Err(DataError::Invalid(format!(
                "the columns of {shard} differ from those of {first}; the folder {} must contain the shards of one table",
                self.file
            )));
        }
        for (column, classes) in contents.classes {
            let known = self
                .classes
                .entry(column)
                .or_insert_with(|| classes.clone());
            if *known != classes {
                return Err(DataError::Invalid(format!(
                    "{shard} names the classes of its labels differently from {first}; use only one of them"
                )));
            }
        }
        let mut positions = Vec::new();
        for name in contents.names {
            let known = self.names.iter().position(|known| *known == name);
            positions.push(known.unwrap_or(self.names.len()));
            if known.is_none() {
                self.names.push(name);
            }
        }
        self.count += contents.count;
        let columns = self.names.len();
        for row in &mut self.rows {
            row.cells.resize(columns, Cell::Null);
        }
        self.shards.push((self.rows.len(), shard));
        self.rows.extend(contents.rows.into_iter().map(|row| {
            let mut cells = vec![Cell::Null; columns];
            for (cell, &position) in row.cells.into_iter().zip(&positions) {
                cells[position] = cell;
            }
            Row { cells, ..row }
        }));
        Ok(())
    }
}
