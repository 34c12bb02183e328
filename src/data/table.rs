//! A data file as rows of texts: `.tsv` (tabs split, quotes are ordinary), `.csv` (RFC 4180), `.jsonl`
//! (one object a line).

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde_json::{Map, Value};

use super::error::DataError;
use super::limits::Limits;

/// The rows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The file, for messages.
    pub file: String,
    /// Column names; numbers where the file has no header row.
    pub names: Vec<String>,
    /// Rows, each with one text a column.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line in the file where it begins, from 1.
    pub line: usize,
    /// One text a column.
    pub fields: Vec<String>,
}

impl Table {
    /// Reads a file. `has_header` says whether the first row of a tsv or csv names the columns.
    ///
    /// # Errors
    /// When the file is missing, too large, not UTF-8, empty, or one of its rows does not fit.
    pub fn read(path: &Path, has_header: bool, limits: &Limits) -> Result<Self, DataError> {
        let file = path.display().to_string();
        let text = read_text(path, &file, limits)?;
        let extension = path
            .extension()
            .map(|extension| extension.to_string_lossy().to_lowercase());
        let (names, rows) = match extension.as_deref() {
            Some("tsv") => with_names(&file, tsv(&text), has_header)?,
            Some("csv") => with_names(&file, csv(&file, &text)?, has_header)?,
            Some("jsonl") => jsonl(&file, &text)?,
            _ => {
                return Err(DataError::Invalid(format!(
                    "{file} is of no known format; use .tsv, .csv or .jsonl"
                )));
            }
        };
        if rows.is_empty() {
            return Err(DataError::Invalid(format!("{file} holds no row of data")));
        }
        if rows.len() > limits.rows {
            return Err(DataError::Limit(format!(
                "{file} holds {} rows; at most {} are allowed",
                rows.len(),
                limits.rows
            )));
        }
        Ok(Self { file, names, rows })
    }

    /// Position of the column of that name.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// Position of a column that was asked for.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn column(&self, name: &str) -> Result<usize, DataError> {
        self.position(name).ok_or_else(|| {
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

    fn quoted_names(&self) -> String {
        self.names
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn read_text(path: &Path, name: &str, limits: &Limits) -> Result<String, DataError> {
    let failed = |source| DataError::Io {
        path: name.to_owned(),
        source,
    };
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => DataError::NotFound(name.to_owned()),
        _ => failed(error),
    })?;
    let mut bytes = Vec::new();
    file.take(limits.file_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limits.file_bytes {
        return Err(DataError::Limit(format!(
            "{name} is larger than the {} bytes that are allowed",
            limits.file_bytes
        )));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
            + 1;
        DataError::Invalid(format!(
            "{name} is not UTF-8 (line {line}); convert it, for example with iconv"
        ))
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn tsv(text: &str) -> Vec<Row> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty());
    lines
        .map(|(index, line)| Row {
            line: index + 1,
            fields: line.split('\t').map(str::to_owned).collect(),
        })
        .collect()
}

fn csv(file: &str, text: &str) -> Result<Vec<Row>, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let rows = reader.records().map(|record| {
        let record =
            record.map_err(|error| DataError::Invalid(format!("{file} is no csv: {error}")))?;
        let line = record
            .position()
            .map_or(0, |position| position.line() as usize);
        Ok(Row {
            line,
            fields: record.iter().map(str::to_owned).collect(),
        })
    });
    rows.collect()
}

fn with_names(
    file: &str,
    mut rows: Vec<Row>,
    has_header: bool,
) -> Result<(Vec<String>, Vec<Row>), DataError> {
    let Some(first) = rows.first() else {
        return Err(DataError::Invalid(format!("{file} is empty")));
    };
    let names: Vec<String> = match has_header {
        true => rows.remove(0).fields,
        false => (0..first.fields.len())
            .map(|column| column.to_string())
            .collect(),
    };
    match rows.iter().find(|row| row.fields.len() != names.len()) {
        Some(row) => Err(DataError::Invalid(format!(
            "{file}, line {}: {} fields where {} columns are",
            row.line,
            row.fields.len(),
            names.len()
        ))),
        None => Ok((names, rows)),
    }
}

/// Columns are the keys of the first object; each object must have all of them.
fn jsonl(file: &str, text: &str) -> Result<(Vec<String>, Vec<Row>), DataError> {
    let mut names: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let line_number = index + 1;
        let object: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
            DataError::Invalid(format!(
                "{file}, line {line_number} is no JSON object: {error}"
            ))
        })?;
        if names.is_empty() {
            names = object.keys().cloned().collect();
        }
        let fields: HashMap<&String, &Value> = object.iter().collect();
        let fields = names.iter().map(|name| match fields.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Null) => Ok(String::new()),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
            Some(_) => Ok(String::new()),
            None => Err(DataError::Invalid(format!(
                "{file}, line {line_number} has no \"{name}\", which the first line has"
            ))),
        });
        rows.push(Row {
            line: line_number,
            fields: fields.collect::<Result<_, _>>()?,
        });
    }
    if rows.is_empty() {
        return Err(DataError::Invalid(format!("{file} is empty")));
    }
    Ok((names, rows))
}
