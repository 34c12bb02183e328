//! Reads tables in JSON: one object per line, an array of objects, or an object of columns.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::cell::Cell;
use super::object::{Checked, DUPLICATE_KEY};
use super::{Contents, Row, check_fields};
use crate::data::error::DataError;
use crate::data::limits::Limits;

/// A row: its line or row number, from 1, and its fields by name.
type Object = (usize, Map<String, Value>);

/// Reads one object per line. The columns are the keys of all lines. A key that a line does not have is null there.
///
/// # Errors
/// Returns [`DataError::Invalid`] if a line is not a JSON object or contains a key twice, or if there are no lines.
/// Returns [`DataError::Limit`] if the table exceeds the limits.
pub(super) fn lines(file: &str, text: &str, limits: &Limits) -> Result<Contents, DataError> {
    let mut objects = Vec::new();
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{file}, line {}", index + 1);
        match serde_json::from_str(line) {
            Ok(Checked(Value::Object(fields))) => objects.push((index + 1, fields)),
            Ok(_) => return Err(no_object(&place)),
            Err(error) => return Err(unreadable(&place, line, &error)),
        }
        check_fields(file, objects.len(), 1, limits)?;
    }
    if objects.is_empty() {
        return Err(DataError::Invalid(format!("{file} is empty")));
    }
    of_objects(file, objects, "line", limits)
}

/// Reads a whole document: an array of objects, an object that contains one such array, an object of columns, a single
/// object as one row, or JSON lines. A column is an array, or an object whose keys are row indices.
///
/// # Errors
/// Returns [`DataError::Invalid`] if the document is none of these, and [`DataError::Limit`] if the table exceeds the
/// limits.
pub(super) fn document(file: &str, text: &str, limits: &Limits) -> Result<Contents, DataError> {
    match serde_json::from_str(text) {
        Ok(Checked(Value::Array(rows))) => of_array(file, rows, limits),
        Ok(Checked(Value::Object(fields))) => of_one_object(file, fields, limits),
        Ok(_) => Err(no_object(file)),
        // Several documents in sequence are JSON lines.
        Err(error) if error.is_syntax() && text.trim_start().starts_with('{') => {
            lines(file, text, limits)
        }
        Err(error) => {
            let place = format!("{file}, line {}", error.line());
            let line = text.lines().nth(error.line().saturating_sub(1));
            Err(unreadable(&place, line.unwrap_or_default(), &error))
        }
    }
}

fn of_array(file: &str, rows: Vec<Value>, limits: &Limits) -> Result<Contents, DataError> {
    let objects = rows.into_iter().enumerate().map(|(index, row)| match row {
        Value::Object(fields) => Ok((index + 1, fields)),
        _ => Err(no_object(&format!("{file}, row {}", index + 1))),
    });
    of_objects(file, objects.collect::<Result<_, _>>()?, "row", limits)
}

/// Reads an object of columns, an object that contains an array of rows, or a single row.
fn of_one_object(
    file: &str,
    mut fields: Map<String, Value>,
    limits: &Limits,
) -> Result<Contents, DataError> {
    let arrays: Vec<String> = fields
        .iter()
        .filter(|(_, value)| value.is_array())
        .map(|(name, _)| name.clone())
        .collect();
    if let [name] = arrays.as_slice()
        && is_array_of_objects(&fields[name])
        && let Some(Value::Array(rows)) = fields.remove(name)
    {
        return of_array(file, rows, limits);
    }
    if !arrays.is_empty() && arrays.len() == fields.len() {
        return of_columns(file, &fields, limits);
    }
    if let Some(contents) = of_indexed_columns(file, &fields, limits)? {
        return Ok(contents);
    }
    if arrays.is_empty() {
        return of_objects(file, vec![(1, fields)], "row", limits);
    }
    Err(DataError::Invalid(format!(
        "{file} is a JSON object but not a table; write an array of objects, or one object per line (.jsonl)"
    )))
}

fn is_array_of_objects(value: &Value) -> bool {
    let rows = value.as_array();
    rows.is_some_and(|rows| !rows.is_empty() && rows.iter().all(Value::is_object))
}

/// Reads columns that are arrays of the same length.
fn of_columns(
    file: &str,
    fields: &Map<String, Value>,
    limits: &Limits,
) -> Result<Contents, DataError> {
    let columns: Vec<(&String, &Vec<Value>)> = fields
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_array()?)))
        .collect();
    let length = columns.first().map_or(0, |(_, column)| column.len());
    if let Some((name, column)) = columns.iter().find(|(_, column)| column.len() != length) {
        return Err(DataError::Invalid(format!(
            "{file}: column \"{name}\" has {} values, but the first column has {length}",
            column.len()
        )));
    }
    check_fields(file, length, columns.len(), limits)?;
    let rows = (0..length).map(|row| Row {
        line: row + 1,
        cells: columns
            .iter()
            .map(|(_, column)| cell(&column[row]))
            .collect(),
    });
    let rows = rows.collect();
    let names = columns.iter().map(|(name, _)| (*name).clone()).collect();
    Ok(Contents::new(names, rows, "row"))
}

/// Reads columns that are objects with the same row indices as keys, the default output of pandas. Returns `None` if
/// the fields are not such columns.
fn of_indexed_columns(
    file: &str,
    fields: &Map<String, Value>,
    limits: &Limits,
) -> Result<Option<Contents>, DataError> {
    let columns: Option<Vec<&Map<String, Value>>> = fields.values().map(Value::as_object).collect();
    let Some(columns) = columns.filter(|columns| {
        columns.first().is_some_and(|first| {
            !first.is_empty() && columns.iter().all(|column| column.keys().eq(first.keys()))
        })
    }) else {
        return Ok(None);
    };
    check_fields(file, columns[0].len(), columns.len(), limits)?;
    let rows = columns[0].keys().enumerate().map(|(row, index)| Row {
        line: row + 1,
        cells: columns.iter().map(|column| cell(&column[index])).collect(),
    });
    let rows = rows.collect();
    let names = fields.keys().cloned().collect();
    Ok(Some(Contents::new(names, rows, "row")))
}

/// Reads objects as rows. The columns are in the order in which their keys first occur.
fn of_objects(
    file: &str,
    objects: Vec<Object>,
    unit: &'static str,
    limits: &Limits,
) -> Result<Contents, DataError> {
    let mut positions: HashMap<&str, usize> = HashMap::new();
    let mut names: Vec<String> = Vec::new();
    for key in objects.iter().flat_map(|(_, fields)| fields.keys()) {
        if !positions.contains_key(key.as_str()) {
            positions.insert(key, names.len());
            names.push(key.clone());
        }
    }
    check_fields(file, objects.len(), names.len(), limits)?;
    let rows = objects.iter().map(|(line, fields)| {
        let mut cells = vec![Cell::Null; names.len()];
        for (key, value) in fields {
            cells[positions[key.as_str()]] = cell(value);
        }
        Row { line: *line, cells }
    });
    let rows = rows.collect();
    Ok(Contents::new(names, rows, unit))
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(flag) => Cell::Flag(*flag),
        Value::Number(number) => Cell::Text(number.to_string()),
        Value::String(text) => Cell::Text(text.clone()),
        Value::Array(_) => Cell::Nested("a list"),
        Value::Object(_) => Cell::Nested("an object"),
    }
}

fn no_object(place: &str) -> DataError {
    DataError::Invalid(format!(
        "{place} is not a JSON object; each row must be an object such as {{\"text\": \"a text\", \"label\": 0}}"
    ))
}

/// Syntax that Python writes but JSON does not allow, and what to write instead.
const FOREIGN: [(&str, &str); 7] = [
    ("NaN", "NaN, which is not valid JSON; write null"),
    (
        "Infinity",
        "Infinity, which is not valid JSON; write a number or null",
    ),
    ("nan", "nan, which is not valid JSON; write null"),
    ("None", "None, which is not valid JSON; write null"),
    ("True", "True, which is not valid JSON; write true"),
    ("False", "False, which is not valid JSON; write false"),
    ("'", "single quotes; JSON requires double quotes"),
];

/// Explains why a line is not valid JSON. The message names one location and does not quote the library's error.
fn unreadable(place: &str, line: &str, error: &serde_json::Error) -> DataError {
    if error.is_data() {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        return match message.strip_prefix(DUPLICATE_KEY) {
            Some(key) => {
                DataError::Invalid(format!("{place} has the key \"{key}\" twice; remove one"))
            }
            None => no_object(place),
        };
    }
    // The column is in bytes, and may point to the second character of a word.
    let from = line.floor_char_boundary(error.column().saturating_sub(2));
    let rest = line[from..].trim_start_matches(['-', ' ', ':', ',', '[', '{']);
    let foreign = FOREIGN.iter().find(|(word, _)| rest.starts_with(word));
    let why = match foreign {
        Some((_, what)) => format!("contains {what}"),
        None if error.is_eof() => {
            "ends in the middle of a JSON value; the file is truncated, or a row spans several lines"
                .to_owned()
        }
        None => format!("is not valid JSON (column {})", error.column()),
    };
    DataError::Invalid(format!("{place} {why}"))
}
