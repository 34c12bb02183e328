//! Reads a data file, or a folder of shards, as a table of rows and fields.

pub mod cell;
pub mod column;
mod content;
pub mod contents;
mod delimited;
mod json;
pub mod list;
mod object;
mod parquet;
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
    /// The files that were read, in order.
    pub files: Vec<ReadFile>,
    /// Class names by column, for columns of class indices, or of lists of class indices, whose file contains the
    /// names.
    pub classes: HashMap<String, Vec<String>>,
    /// Word for a row in messages: "line" in a text file, or "row".
    unit: &'static str,
    /// First row and name of each shard. Empty for a single file.
    shards: Vec<(usize, String)>,
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
        let name = path.display().to_string();
        let reading = Reading {
            has_header,
            lists,
            limits,
        };
        let table = match path.is_dir() {
            true => Self::of_shards(path, &name, &reading)?,
            false => {
                let (format, packing) = format_of(&name)?;
                let (contents, read) = contents(path, &name, format, packing, &reading)?;
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
    reading: &Reading<'_>,
) -> Result<(Contents, ReadFile), DataError> {
    let (bytes, read) = content::read(path, name, packing, reading.limits.file_bytes)?;
    let unpacked = bytes.len() as u64;
    let mut contents = if format == Format::Parquet {
        parquet::read(name, bytes, reading)?
    } else {
        let text = content::text(bytes, name)?;
        match format {
            Format::Tsv | Format::Csv => delimited::read(name, &text, format, reading)?,
            Format::JsonLines => json::lines(name, &text, reading)?,
            Format::Json | Format::Parquet => json::document(name, &text, reading)?,
        }
    };
    contents.bytes += unpacked;
    Ok((contents, read))
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
