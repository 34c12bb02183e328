//! Tables of JSON: one object a line, an array of objects, or an object of columns.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::cell::Cell;
use super::object::{Checked, TWICE};
use super::{Contents, Row, check_fields};
use crate::data::error::DataError;
use crate::data::limits::Limits;

/// A row: its number, and its fields by name.
type Object = (usize, Map<String, Value>);

/// Reads one object a line. Columns are the keys of all lines; what a line lacks is null.
///
/// # Errors
/// When a line is no JSON object, or holds a key twice.
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

/// Reads a whole document: an array of objects, an object with one such array, an object of columns, or JSON lines. A
/// column is an array, or an object keyed by row indices.
///
/// # Errors
/// When it is none of these.
pub(super) fn document(file: &str, text: &str, limits: &Limits) -> Result<Contents, DataError> {
    match serde_json::from_str(text) {
        Ok(Checked(Value::Array(rows))) => of_array(file, rows, limits),
        Ok(Checked(Value::Object(fields))) => of_one_object(file, fields, limits),
        Ok(_) => Err(no_object(file)),
        // Several documents one after another are lines.
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

/// An object of columns, an object around an array of rows, or a single row.
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
        "{file} is a JSON object that is no table; write an array of objects, or one object a line (.jsonl)"
    )))
}

fn is_array_of_objects(value: &Value) -> bool {
    let rows = value.as_array();
    rows.is_some_and(|rows| !rows.is_empty() && rows.iter().all(Value::is_object))
}

/// Columns that are arrays of one length.
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
            "{file}: column \"{name}\" has {} values where the first has {length}",
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

/// Columns whose values are keyed by the same row indices, as pandas writes a table unless it is told otherwise.
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

/// Columns in the order in which their keys are first seen.
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
        "{place} is no JSON object; each row is an object like {{\"text\": \"..\", \"label\": 0}}"
    ))
}

/// What Python writes and JSON does not have, and what to write instead.
const FOREIGN: [(&str, &str); 7] = [
    ("NaN", "NaN, which JSON does not have; write null"),
    (
        "Infinity",
        "Infinity, which JSON does not have; write a number or null",
    ),
    ("nan", "nan, which JSON does not have; write null"),
    ("None", "None, which JSON does not have; write null"),
    ("True", "True, which JSON writes as true"),
    ("False", "False, which JSON writes as false"),
    ("'", "single quotes; JSON has double ones"),
];

/// Why a line is no JSON, in one place and in plain words.
fn unreadable(place: &str, line: &str, error: &serde_json::Error) -> DataError {
    if error.is_data() {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        return match message.strip_prefix(TWICE) {
            Some(key) => {
                DataError::Invalid(format!("{place} has the key \"{key}\" twice; remove one"))
            }
            None => no_object(place),
        };
    }
    // The column counts bytes, and may stand on the second sign of a word.
    let from = line.floor_char_boundary(error.column().saturating_sub(2));
    let rest = line[from..].trim_start_matches(['-', ' ', ':', ',', '[', '{']);
    let foreign = FOREIGN.iter().find(|(word, _)| rest.starts_with(word));
    let why = match foreign {
        Some((_, told)) => format!("holds {told}"),
        None if error.is_eof() => {
            "ends in the middle of a JSON value; the file is truncated, or a row spans several lines"
                .to_owned()
        }
        None => format!("is not valid JSON (column {})", error.column()),
    };
    DataError::Invalid(format!("{place} {why}"))
}
