//! Reads tables in JSON: one object per line, an array of objects, or an object of columns.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::cell::{self, Cell};
use super::list::List;
use super::object::{Checked, DUPLICATE_KEY};
use super::{Contents, Reading, Row, check_fields};
use crate::data::error::DataError;

/// A row: its line or row number, from 1, and its fields by name.
type Object = (usize, Map<String, Value>);

/// Reads one object per line. The columns are the keys of all lines. A key that a line does not have is null there.
///
/// # Errors
/// Returns [`DataError::Invalid`] if a line is not a JSON object or contains a key twice, or if there are no lines.
/// Returns [`DataError::Limit`] if the table exceeds the limits.
pub(super) fn lines(file: &str, text: &str, reading: &Reading<'_>) -> Result<Contents, DataError> {
    let mut objects = Vec::new();
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{file}, line {}", index + 1);
        match serde_json::from_str(line) {
            Ok(Checked(Value::Object(fields))) => objects.push((index + 1, fields)),
            Ok(_) => return Err(no_object(&place)),
            Err(error) => return Err(unreadable(&place, line, &error)),
        }
        check_fields(file, objects.len(), 1, 0, reading.limits)?;
    }
    if objects.is_empty() {
        return Err(DataError::Invalid(format!("{file} is empty")));
    }
    of_objects(file, objects, "line", reading)
}

/// Reads a whole document: an array of objects, an object that contains one such array, an object of columns, a single
/// object as one row, or JSON lines. A column is an array, or an object whose keys are row indices.
///
/// # Errors
/// Returns [`DataError::Invalid`] if the document is none of these, and [`DataError::Limit`] if the table exceeds the
/// limits.
pub(super) fn document(
    file: &str,
    text: &str,
    reading: &Reading<'_>,
) -> Result<Contents, DataError> {
    match serde_json::from_str(text) {
        Ok(Checked(Value::Array(rows))) => of_array(file, rows, reading),
        Ok(Checked(Value::Object(fields))) => of_one_object(file, fields, reading),
        Ok(_) => Err(no_object(file)),
        // Several documents in sequence are JSON lines.
        Err(error) if error.is_syntax() && text.trim_start().starts_with('{') => {
            lines(file, text, reading)
        }
        Err(error) => {
            let place = format!("{file}, line {}", error.line());
            let line = text.lines().nth(error.line().saturating_sub(1));
            Err(unreadable(&place, line.unwrap_or_default(), &error))
        }
    }
}

fn of_array(file: &str, rows: Vec<Value>, reading: &Reading<'_>) -> Result<Contents, DataError> {
    let objects = rows.into_iter().enumerate().map(|(index, row)| match row {
        Value::Object(fields) => Ok((index + 1, fields)),
        _ => Err(no_object(&format!("{file}, row {}", index + 1))),
    });
    of_objects(file, objects.collect::<Result<_, _>>()?, "row", reading)
}

/// Reads an object of columns, an object that contains an array of rows, or a single row.
fn of_one_object(
    file: &str,
    mut fields: Map<String, Value>,
    reading: &Reading<'_>,
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
        return of_array(file, rows, reading);
    }
    let is_of_arrays = !arrays.is_empty() && arrays.len() == fields.len();
    if is_of_arrays || has_indexed_columns(&fields) {
        return of_columns(
            file,
            fields.into_iter().filter_map(column).collect(),
            reading,
        );
    }
    if arrays.is_empty() {
        return of_objects(file, vec![(1, fields)], "row", reading);
    }
    Err(DataError::Invalid(format!(
        "{file} is a JSON object but not a table; write an array of objects, or one object per line (.jsonl)"
    )))
}

fn is_array_of_objects(value: &Value) -> bool {
    let rows = value.as_array();
    rows.is_some_and(|rows| !rows.is_empty() && rows.iter().all(Value::is_object))
}

/// Returns whether all fields are objects with the same row indices as keys, the default output of pandas.
fn has_indexed_columns(fields: &Map<String, Value>) -> bool {
    let columns: Option<Vec<&Map<String, Value>>> = fields.values().map(Value::as_object).collect();
    columns.is_some_and(|columns| {
        columns.first().is_some_and(|first| {
            !first.is_empty() && columns.iter().all(|column| column.keys().eq(first.keys()))
        })
    })
}

/// A column: its name and its values.
type Column = (String, Vec<Value>);

/// Returns a field as a column, or `None` if its value is neither an array nor an object.
fn column((name, value): (String, Value)) -> Option<Column> {
    match value {
        Value::Array(values) => Some((name, values)),
        Value::Object(values) => Some((name, values.into_values().collect())),
        _ => None,
    }
}

/// Reads columns of the same length.
fn of_columns(
    file: &str,
    columns: Vec<Column>,
    reading: &Reading<'_>,
) -> Result<Contents, DataError> {
    let length = columns.first().map_or(0, |(_, column)| column.len());
    if let Some((name, column)) = columns.iter().find(|(_, column)| column.len() != length) {
        return Err(DataError::Invalid(format!(
            "{file}: column \"{name}\" has {} values, but the first column has {length}",
            column.len()
        )));
    }
    let (names, columns): (Vec<String>, Vec<Vec<Value>>) = columns.into_iter().unzip();
    let wanted: Vec<bool> = names.iter().map(|name| (reading.lists)(name)).collect();
    let read = columns.iter().zip(&wanted).filter(|(_, wanted)| **wanted);
    let items = read.flat_map(|(column, _)| column).map(items_of).sum();
    check_fields(file, length, names.len(), items, reading.limits)?;
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    let rows = (1..=length).map(|line| {
        let values = columns.iter_mut().zip(&wanted);
        let cells = values
            .filter_map(|(column, &wanted)| Some(cell(column.next()?, wanted)))
            .collect();
        Row { line, cells }
    });
    let rows = rows.collect();
    Ok(Contents::new(names, rows, items, "row"))
}

/// Reads objects as rows. The columns are in the order in which their keys first occur.
fn of_objects(
    file: &str,
    objects: Vec<Object>,
    unit: &'static str,
    reading: &Reading<'_>,
) -> Result<Contents, DataError> {
    let mut positions: HashMap<String, usize> = HashMap::new();
    let mut names: Vec<String> = Vec::new();
    for key in objects.iter().flat_map(|(_, fields)| fields.keys()) {
        if !positions.contains_key(key) {
            positions.insert(key.clone(), names.len());
            names.push(key.clone());
        }
    }
    let wanted: Vec<bool> = names.iter().map(|name| (reading.lists)(name)).collect();
    let fields = objects.iter().flat_map(|(_, fields)| fields);
    let read = fields.filter(|(key, _)| wanted[positions[*key]]);
    let items = read.map(|(_, value)| items_of(value)).sum();
    check_fields(file, objects.len(), names.len(), items, reading.limits)?;
    let rows = objects.into_iter().map(|(line, fields)| {
        let mut cells = vec![Cell::Null; names.len()];
        for (key, value) in fields {
            let position = positions[&key];
            cells[position] = cell(value, wanted[position]);
        }
        Row { line, cells }
    });
    let rows = rows.collect();
    Ok(Contents::new(names, rows, items, unit))
}

/// Returns the number of items of an array, and 0 for other values.
fn items_of(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

/// Returns the value as a cell. If `with_lists` is false, a list is not read.
fn cell(value: Value, with_lists: bool) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(flag) => Cell::Flag(flag),
        Value::Number(number) => Cell::Text(number.to_string()),
        Value::String(text) => Cell::Text(text),
        Value::Array(items) if with_lists => {
            list(items).map_or(Cell::Nested(cell::NESTED_LIST), Cell::from)
        }
        Value::Array(_) => Cell::Nested(cell::LIST),
        Value::Object(_) => Cell::Nested("an object"),
    }
}

/// Returns the items as a list, or `None` if an item is a list or an object.
fn list(items: Vec<Value>) -> Option<List> {
    let mut list = List::default();
    for item in items {
        match cell(item, false) {
            Cell::Nested(_) => return None,
            item => list.push(item.text()),
        }
    }
    Some(list)
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
