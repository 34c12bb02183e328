//! A data file, or a folder of shards, as rows of fields.

pub mod cell;
mod content;
mod delimited;
mod json;
mod parquet;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use self::cell::Cell;
use super::error::DataError;
use super::format::{self, Format, Packing};
use super::limits::Limits;

/// The rows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The file or folder, for messages.
    pub file: String,
    /// Column names; numbers where the file has no header row.
    pub names: Vec<String>,
    /// Rows, each with one field a column.
    pub rows: Vec<Row>,
    /// For columns of class indices whose file says so: the names of the classes.
    pub classes: HashMap<String, Vec<String>>,
    /// What a row is called in messages: a line of a text, or a row.
    unit: &'static str,
    /// Where each shard begins, by row, and its name; empty for a single file.
    shards: Vec<(usize, String)>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line in the file where it begins, or its number, from 1.
    pub line: usize,
    /// One field a column.
    pub cells: Vec<Cell>,
}

/// What a single file holds.
struct Contents {
    names: Vec<String>,
    rows: Vec<Row>,
    classes: HashMap<String, Vec<String>>,
}

impl Contents {
    fn new(names: Vec<String>, rows: Vec<Row>) -> Self {
        Self {
            names,
            rows,
            classes: HashMap::new(),
        }
    }
}

impl Table {
    /// Reads a file, or all data files of a folder as one table. `has_header` says whether the first row of a tsv or csv
    /// names the columns.
    ///
    /// # Errors
    /// When a file is missing, too large, empty, or one of its rows does not fit.
    pub fn read(path: &Path, has_header: bool, limits: &Limits) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let table = match path.is_dir() {
            true => Self::of_shards(path, &name, has_header, limits)?,
            false => {
                let (format, packing) = known(&name)?;
                let contents = contents(path, &name, format, packing, has_header, limits)?;
                Self::new(name, contents, format)
            }
        };
        if table.rows.is_empty() {
            return Err(DataError::Invalid(format!(
                "{} holds no row of data",
                table.file
            )));
        }
        if table.rows.len() > limits.rows {
            return Err(DataError::Limit(format!(
                "{} holds {} rows; at most {} are allowed",
                table.file,
                table.rows.len(),
                limits.rows
            )));
        }
        Ok(table)
    }

    fn new(file: String, contents: Contents, format: Format) -> Self {
        Self {
            file,
            names: contents.names,
            rows: contents.rows,
            classes: contents.classes,
            unit: match format {
                Format::Tsv | Format::Csv | Format::JsonLines => "line",
                Format::Json | Format::Parquet => "row",
            },
            shards: Vec::new(),
        }
    }

    /// All files of one format, in the order of their names.
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
                "the folder {name} holds no data file; it may hold shards of {}",
                format::described()
            )));
        };
        if let Some((_, other, ..)) = files.iter().find(|(_, _, own, _)| *own != format) {
            return Err(DataError::Invalid(format!(
                "the folder {name} holds data files of different formats ({first}, {other}); name one file, or keep shards of one table in it"
            )));
        }
        let mut whole: Option<Self> = None;
        let mut left = *limits;
        for (path, own, format, packing) in files {
            let contents = contents(&path, &own, format, packing, has_header, &left)?;
            let bytes = std::fs::metadata(&path).map_err(failed)?.len();
            left.file_bytes = left.file_bytes.saturating_sub(bytes);
            left.rows = left.rows.saturating_sub(contents.rows.len());
            let table = whole.get_or_insert_with(|| {
                let none = Contents::new(contents.names.clone(), Vec::new());
                Self::new(name.to_owned(), none, format)
            });
            if table.names != contents.names {
                return Err(DataError::Invalid(format!(
                    "the columns of {own} are not those of {first}; the folder {name} must hold shards of one table"
                )));
            }
            table.shards.push((table.rows.len(), own));
            table.rows.extend(contents.rows);
            table.classes.extend(contents.classes);
        }
        whole.ok_or_else(|| DataError::NotFound(name.to_owned()))
    }

    /// Where a row is, for messages.
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

    /// Position of the column of that name, where there is one.
    ///
    /// # Errors
    /// When there are two.
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

    /// Position of a column that was asked for.
    ///
    /// # Errors
    /// When there is none of that name, or two.
    pub fn column(&self, name: &str) -> Result<usize, DataError> {
        self.position(name)?.ok_or_else(|| {
            DataError::Invalid(format!(
                "{} has no column \"{name}\"; its columns are {}",
                self.file,
                self.quoted_names()
            ))
        })
    }

    /// That no column was found for a purpose.
    #[must_use]
    pub fn missing(&self, what: &str, key: &str) -> DataError {
        let names = self.quoted_names();
        DataError::Invalid(format!(
            "{} has no column that is usually {what}; name it (mapping \"{key}\"), its columns are {names}",
            self.file
        ))
    }

    /// The text of a field.
    ///
    /// # Errors
    /// When there is none, naming row and column.
    pub fn text(&self, row: usize, column: usize) -> Result<&str, DataError> {
        let cell = &self.rows[row].cells[column];
        cell.text().ok_or_else(|| {
            let lacking = match cell {
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
                "{}, column \"{}\" holds {}, where a text is needed{lacking}",
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

fn known(name: &str) -> Result<(Format, Packing), DataError> {
    Format::of(name).ok_or_else(|| {
        DataError::Invalid(format!(
            "{name} is of no known format; use {}",
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
) -> Result<Contents, DataError> {
    let bytes = content::read(path, name, packing, limits.file_bytes)?;
    if format == Format::Parquet {
        return parquet::read(name, bytes, limits);
    }
    let text = content::text(bytes, name)?;
    match format {
        Format::Tsv | Format::Csv => delimited::read(name, &text, format, has_header),
        Format::JsonLines => json::lines(name, &text),
        Format::Json | Format::Parquet => json::document(name, &text),
    }
}

/// 1st, 2nd, 3rd, 4th, ..
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
