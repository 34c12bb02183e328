//! Reads a data file, or a folder of shards, as a table of rows and fields.

pub mod cell;
pub mod column;
mod conll;
mod content;
pub mod contents;
mod delimited;
mod first;
mod json;
mod json_objects;
mod json_row;
mod json_squad;
mod json_value;
pub mod list;
pub(in crate::data) mod parquet;
mod shards;

use std::collections::HashMap;
use std::path::Path;

use self::cell::Cell;
use self::contents::{Contents, Reading, Row};
use self::list::List;
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
    /// Number of rows of the file, including those that are not kept.
    pub count: usize,
    /// The files that were read, in order.
    pub files: Vec<ReadFile>,
    /// Class names by column, for columns of class indices, or of lists of class indices, whose file contains the
    /// names.
    pub classes: HashMap<String, Vec<String>>,
    /// Word for a row in messages: "line" in a text file, or "row".
    unit: &'static str,
    /// First row and name of each shard. Empty for a single file.
    shards: Vec<(usize, String)>,
    /// Names of the rows in messages, if they are not rows of a file.
    entries: Vec<String>,
}

impl Table {
    /// Reads a file, or all data files of a folder as one table.
    ///
    /// - `has_header` says whether the first row of a TSV or CSV file names the columns.
    /// - `lists` returns whether the lists of a column are read, by the name of the column. All other lists are
    ///   [`Cell::Nested`], and do not count toward the limits, because lists that nobody needs can be large.
    ///
    /// # Errors
    /// Returns [`DataError`] if a file does not exist, is too large, is empty or malformed, or if the shards of a
    /// folder do not form one table.
    pub fn read(
        path: &Path,
        has_header: bool,
        lists: &dyn Fn(&str) -> bool,
        limits: &Limits,
    ) -> Result<Self, DataError> {
        Self::read_except(path, has_header, lists, &|_| false, limits)
    }

    /// Does the same, but leaves out the values of some columns of a Parquet file, which can be large.
    ///
    /// # Errors
    /// Returns the errors of [`read`](Self::read).
    pub fn read_except(
        path: &Path,
        has_header: bool,
        lists: &dyn Fn(&str) -> bool,
        left_out: &dyn Fn(&str) -> bool,
        limits: &Limits,
    ) -> Result<Self, DataError> {
        let reading = Reading {
            has_header,
            lists,
            left_out,
            most_kept: usize::MAX,
            limits,
        };
        Self::open(path, &reading)
    }

    /// Checks that a file, or the data files of a folder, are a table, without keeping its rows.
    ///
    /// # Errors
    /// Returns the errors of [`read`](Self::read).
    pub fn check(
        path: &Path,
        left_out: &dyn Fn(&str) -> bool,
        limits: &Limits,
    ) -> Result<(), DataError> {
        let reading = Reading {
            has_header: true,
            lists: &|_| false,
            left_out,
            most_kept: 1,
            limits,
        };
        Self::open(path, &reading).map(drop)
    }

    fn open(path: &Path, reading: &Reading<'_>) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let table = match path.is_dir() {
            true => Self::of_shards(path, &name, reading)?,
            false => {
                let (format, packing) = format_of(&name)?;
                let (contents, read) = contents(path, &name, format, packing, reading)?;
                Self::new(name, contents, read)
            }
        };
        table.not_empty()
    }

    /// Reads the content of a table that is not a file of its own. `file` is its name in messages.
    ///
    /// # Errors
    /// Returns [`DataError`] if the content is empty or malformed, or if the name has no known ending.
    pub fn parse(
        file: &str,
        bytes: Vec<u8>,
        has_header: bool,
        lists: &dyn Fn(&str) -> bool,
        limits: &Limits,
    ) -> Result<Self, DataError> {
        let (format, _) = format_of(file)?;
        let reading = Reading {
            has_header,
            lists,
            left_out: &|_| false,
            most_kept: usize::MAX,
            limits,
        };
        let read = ReadFile::of(file, &bytes);
        let contents = parsed(file, format, bytes, &reading)?;
        Self::new(file.to_owned(), contents, read).not_empty()
    }

    /// Creates a table from rows that are not those of a file. `entries` are the names of the rows in messages.
    #[must_use]
    pub fn of_entries(
        file: String,
        names: &[&str],
        rows: Vec<Vec<Cell>>,
        entries: Vec<String>,
    ) -> Self {
        let count = rows.len();
        let rows = rows.into_iter().enumerate();
        let rows = rows.map(|(index, cells)| Row {
            line: index + 1,
            cells,
        });
        Self {
            file,
            count,
            names: names.iter().map(|&name| name.to_owned()).collect(),
            rows: rows.collect(),
            files: Vec::new(),
            classes: HashMap::new(),
            unit: "row",
            shards: Vec::new(),
            entries,
        }
    }

    fn not_empty(self) -> Result<Self, DataError> {
        match self.rows.is_empty() {
            true => Err(DataError::Invalid(format!(
                "{} has no data rows",
                self.file
            ))),
            false => Ok(self),
        }
    }

    /// Returns the first row and the name of each shard of a folder. Empty for a single file.
    #[must_use]
    pub fn shards(&self) -> &[(usize, String)] {
        &self.shards
    }

    fn new(file: String, contents: Contents, read: ReadFile) -> Self {
        Self {
            file,
            files: vec![read],
            names: contents.names,
            rows: contents.rows,
            count: contents.count,
            classes: contents.classes,
            unit: contents.unit,
            shards: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Returns the location of a row, for messages.
    #[must_use]
    pub fn place(&self, row: usize) -> String {
        if let Some(entry) = self.entries.get(row) {
            return format!("{}, {entry}", self.file);
        }
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

    /// Returns the position of the first of these columns that exists, or `None` if there is none.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if several columns have its name.
    pub fn first_of(&self, names: &[&str]) -> Result<Option<usize>, DataError> {
        for name in names {
            if let Some(position) = self.position(name)? {
                return Ok(Some(position));
            }
        }
        Ok(None)
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
        let text = self.rows[row].cells[column].text();
        text.ok_or_else(|| self.required("a text", row, column))
    }

    /// Returns the list of a field.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if the field has no list. The message names the row and the column.
    pub fn list(&self, row: usize, column: usize) -> Result<&List, DataError> {
        let list = self.rows[row].cells[column].list();
        list.ok_or_else(|| self.required(cell::LIST, row, column))
    }

    /// Returns the error for a field with another content than the one that is required.
    fn required(&self, what: &str, row: usize, column: usize) -> DataError {
        let cell = &self.rows[row].cells[column];
        let nulls = match cell {
            Cell::Null => {
                let is_null = |row: &&Row| row.cells[column] == Cell::Null;
                let nulls = self.rows.iter().filter(is_null).count();
                format!(" ({nulls} of {} rows have none)", self.rows.len())
            }
            _ => String::new(),
        };
        DataError::Invalid(format!(
            "{}, column \"{}\" contains {}, but {what} is required{nulls}",
            self.place(row),
            self.names[column],
            cell.described()
        ))
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
    match Format::of(name) {
        Some((format, packing)) if format.is_table() => Ok((format, packing)),
        Some(_) => Err(DataError::Invalid(format!(
            "{name} contains images, but the model reads a table; use {}",
            format::tables()
        ))),
        None => Err(DataError::Invalid(format!(
            "{name} has an unknown format; use {}",
            format::tables()
        ))),
    }
}

fn contents(
    path: &Path,
    name: &str,
    format: Format,
    packing: Packing,
    reading: &Reading<'_>,
) -> Result<(Contents, ReadFile), DataError> {
    let (bytes, read) = content::read(path, name, packing, reading.limits.file_bytes)?;
    Ok((parsed(name, format, bytes, reading)?, read))
}

fn parsed(
    name: &str,
    format: Format,
    bytes: Vec<u8>,
    reading: &Reading<'_>,
) -> Result<Contents, DataError> {
    let unpacked = bytes.len() as u64;
    let mut contents = if format == Format::Parquet {
        parquet::read(name, bytes, reading)?
    } else {
        let text = content::text(bytes, name)?;
        match format {
            Format::Tsv | Format::Csv => delimited::read(name, &text, format, reading)?,
            Format::JsonLines => json::lines(name, &text, reading)?,
            Format::Conll => conll::read(name, &text, reading)?,
            _ => json::document(name, &text, reading)?,
        }
    };
    contents.bytes += unpacked;
    Ok(contents)
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
