//! Reads a data file, or a folder of shards, as a table of rows and fields.

pub mod cell;
mod content;
mod delimited;
mod json;
mod object;
mod parquet;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use self::cell::Cell;
use super::error::DataError;
use super::format::{self, Format, Packing};
use super::limits::Limits;
use crate::checkpoint::read_file::ReadFile;

/// The rows of a data file or of a folder of shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Path of the file or folder, for messages.
    pub file: String,
    /// Column names. They are numbers if the file has no header row.
    pub names: Vec<String>,
    /// Rows, each with one field per column.
    pub rows: Vec<Row>,
    /// The files that were read, in order.
    pub files: Vec<ReadFile>,
    /// Class names by column, for columns of class indices whose file contains the names.
    pub classes: HashMap<String, Vec<String>>,
    /// Word for a row in messages: "line" in a text file, or "row".
    unit: &'static str,
    /// First row and name of each shard. Empty for a single file.
    shards: Vec<(usize, String)>,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// First line of the row in a text file, or the number of the row; from 1.
    pub line: usize,
    /// Fields, one per column.
    pub cells: Vec<Cell>,
}

/// Content of a single file.
struct Contents {
    names: Vec<String>,
    rows: Vec<Row>,
    classes: HashMap<String, Vec<String>>,
    /// Word for a row in messages.
    unit: &'static str,
    /// Size of the decompressed file, in bytes. For Parquet, the size of the decoded texts is added.
    bytes: u64,
}

impl Contents {
    fn new(names: Vec<String>, rows: Vec<Row>, unit: &'static str) -> Self {
        Self {
            names,
            rows,
            classes: HashMap::new(),
            unit,
            bytes: 0,
        }
    }
}

impl Table {
    /// Reads a file, or all data files of a folder as one table. `has_header` says whether the first row of a TSV or
    /// CSV file names the columns.
    ///
    /// # Errors
    /// Returns [`DataError`] if a file does not exist, is too large, is empty or malformed, or if the shards of a
    /// folder do not form one table.
    pub fn read(path: &Path, has_header: bool, limits: &Limits) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let table = match path.is_dir() {
            true => Self::of_shards(path, &name, has_header, limits)?,
            false => {
                let (format, packing) = format_of(&name)?;
                let (contents, read) = contents(path, &name, format, packing, has_header, limits)?;
                Self::new(name, contents, read)
            }
        };
        if table.rows.is_empty() {
            return Err(DataError::Invalid(format!(
                "{} has no data rows",
                table.file
            )));
        }
        Ok(table)
    }

    fn new(file: String, contents: Contents, read: ReadFile) -> Self {
        Self {
            file,
            files: vec![read],
            names: contents.names,
            rows: contents.rows,
            classes: contents.classes,
            unit: contents.unit,
            shards: Vec::new(),
        }
    }

    /// Reads all data files of a folder, sorted by name. They must have the same format.
    fn of_shards(
        folder: &Path,
        name: &str,
        has_header: bool,
        limits: &Limits,
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
            if let Some((format, packing)) =
                Format::of(&own).filter(|_| path.is_file() && !own.starts_with('.'))
            {
                files.push((path, own, format, packing));
            }
        }
        files.sort();
        let Some((_, first, format, _)) = files.first().cloned() else {
            return Err(DataError::Invalid(format!(
                "the folder {name} contains no data file; it must contain files in one of these formats: {}",
                format::described()
            )));
        };
        if let Some((_, other, ..)) = files.iter().find(|(_, _, own, _)| *own != format) {
            return Err(DataError::Invalid(format!(
                "the folder {name} contains data files of different formats ({first}, {other}); name one file, or keep only the shards of one table in the folder"
            )));
        }
        let mut whole: Option<Self> = None;
        let mut left = *limits;
        for (path, own, format, packing) in files {
            let (contents, read) = contents(&path, &own, format, packing, has_header, &left)?;
            left.file_bytes = left.file_bytes.saturating_sub(contents.bytes);
            left.rows = left.rows.saturating_sub(contents.rows.len());
            left.fields = left
                .fields
                .saturating_sub(contents.rows.len() * contents.names.len());
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

    /// Returns the location of a row, for messages.
    #[must_use]
    pub fn place(&self, row: usize) -> String {
        let shard = self.shards.iter().rev().find(|(first, _)| *first <= row);
        let file = match shard {
            Some((_, shard)) => format!("{}/{shard}", self.file),
            None => self.file.clone(),
        };
        let line = self.rows.get(row).map_or(0, |row| row.line);
        format!("{file}, {} {line}", self.unit)
    }

    /// Returns the position of the column with this name, or `None` if there is none.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if several columns have this name.
    pub fn position(&self, name: &str) -> Result<Option<usize>, DataError> {
        let mut found = (0..self.names.len()).filter(|&at| self.names[at] == name);
        match (found.next(), found.next()) {
            (Some(first), Some(second)) => Err(DataError::Invalid(format!(
                "{} has two columns \"{name}\", the {} and the {}; rename one",
                self.file,
                ordinal(first + 1),
                ordinal(second + 1)
            ))),
            (first, _) => Ok(first),
        }
    }

    /// Returns the position of a required column.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if no column or several columns have this name.
    pub fn column(&self, name: &str) -> Result<usize, DataError> {
        self.position(name)?.ok_or_else(|| {
            DataError::Invalid(format!(
                "{} has no column \"{name}\"; its columns are {}",
                self.file,
                self.quoted_names()
            ))
        })
    }

    /// Returns the error for a table in which no column has a common name for a purpose. `what` describes the purpose,
    /// and `key` is the key of the mapping that names the column.
    #[must_use]
    pub fn missing(&self, what: &str, key: &str) -> DataError {
        let names = self.quoted_names();
        DataError::Invalid(format!(
            "{} has no column with a common name for {what}; name the column in mapping \"{key}\"; its columns are {names}",
            self.file
        ))
    }

    /// Returns the text of a field.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if the field has no text. The message names the row and the column.
    pub fn text(&self, row: usize, column: usize) -> Result<&str, DataError> {
        let cell = &self.rows[row].cells[column];
        cell.text().ok_or_else(|| {
            let nulls = match cell {
                Cell::Null => {
                    let nulls = self
                        .rows
                        .iter()
                        .filter(|row| row.cells[column] == Cell::Null);
                    format!(" ({} of {} rows have none)", nulls.count(), self.rows.len())
                }
                _ => String::new(),
            };
            DataError::Invalid(format!(
                "{}, column \"{}\" contains {}, but a text is required{nulls}",
                self.place(row),
                self.names[column],
                cell.described()
            ))
        })
    }

    fn quoted_names(&self) -> String {
        self.names
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn format_of(name: &str) -> Result<(Format, Packing), DataError> {
    Format::of(name).ok_or_else(|| {
        DataError::Invalid(format!(
            "{name} has an unknown format; use {}",
            format::described()
        ))
    })
}

fn contents(
    path: &Path,
    name: &str,
    format: Format,
    packing: Packing,
    has_header: bool,
    limits: &Limits,
) -> Result<(Contents, ReadFile), DataError> {
    let (bytes, read) = content::read(path, name, packing, limits.file_bytes)?;
    let unpacked = bytes.len() as u64;
    let mut contents = if format == Format::Parquet {
        parquet::read(name, bytes, limits)?
    } else {
        let text = content::text(bytes, name)?;
        match format {
            Format::Tsv | Format::Csv => delimited::read(name, &text, format, has_header, limits)?,
            Format::JsonLines => json::lines(name, &text, limits)?,
            Format::Json | Format::Parquet => json::document(name, &text, limits)?,
        }
    };
    contents.bytes += unpacked;
    Ok((contents, read))
}

/// Checks the limits on rows and fields before memory for them is allocated.
fn check_fields(file: &str, rows: usize, columns: usize, limits: &Limits) -> Result<(), DataError> {
    let what = if rows > limits.rows {
        format!("more than {} rows, which is the limit", limits.rows)
    } else if rows.saturating_mul(columns) > limits.fields {
        format!(
            "{rows} rows of {columns} columns, but the limit is {} fields",
            limits.fields
        )
    } else {
        return Ok(());
    };
    Err(DataError::Limit(format!("{file} has {what}")))
}

/// Formats an ordinal number, for example "1st" or "12th".
fn ordinal(number: usize) -> String {
    let end = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}
