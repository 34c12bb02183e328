//! Tables of JSON: one object a line, an array of objects, or an object of columns.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::cell::Cell;
use super::{Contents, Row};
use crate::data::error::DataError;

/// Reads one object a line. Columns are the keys of all lines; what a line lacks is null.
///
/// # Errors
/// When a line is no JSON object, or holds a key twice.
pub(super) fn lines(file: &str, text: &str) -> Result<Contents, DataError> {
    let mut objects = Vec::new();
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let place = format!("{file}, line {}", index + 1);
        let Object(fields) =
            serde_json::from_str(line).map_err(|error| unreadable(&place, line, &error))?;
        objects.push((index + 1, fields));
    }
    if objects.is_empty() {
        return Err(DataError::Invalid(format!("{file} is empty")));
    }
    Ok(of_objects(objects))
}

/// Reads a whole document: an array of objects, an object with one such array, an object of columns, or JSON lines. A
/// column is an array, or an object keyed by row indices.
///
/// # Errors
/// When it is none of these.
pub(super) fn document(file: &str, text: &str) -> Result<Contents, DataError> {
    match serde_json::from_str::<Document>(text) {
        Ok(Document::Rows(rows)) => {
            let numbered = rows.into_iter().enumerate();
            Ok(of_objects(
                numbered
                    .map(|(index, Object(fields))| (index + 1, fields))
                    .collect(),
            ))
        }
        Ok(Document::Object(Object(fields))) => of_one_object(file, fields),
        // Several documents one after another are lines.
        Err(error) if error.is_syntax() && text.trim_start().starts_with('{') => lines(file, text),
        Err(error) => Err(unreadable(file, text, &error)),
    }
}

/// An object of columns, an object around an array of rows, or a single row.
fn of_one_object(file: &str, fields: Vec<(String, Value)>) -> Result<Contents, DataError> {
    let arrays: Vec<&Vec<Value>> = fields
        .iter()
        .filter_map(|(_, value)| value.as_array())
        .collect();
    if let [rows] = arrays.as_slice()
        && rows.iter().all(Value::is_object)
        && !rows.is_empty()
    {
        let objects = rows.iter().enumerate().map(|(index, row)| {
            let fields = row.as_object().into_iter().flatten();
            (
                index + 1,
                fields
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            )
        });
        return Ok(of_objects(objects.collect()));
    }
    if arrays.len() == fields.len() && !arrays.is_empty() {
        let length = arrays[0].len();
        if let Some((name, column)) = fields
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_array()?)))
            .find(|(_, column)| column.len() != length)
        {
            return Err(DataError::Invalid(format!(
                "{file}: column \"{name}\" has {} values where the first has {length}",
                column.len()
            )));
        }
        let rows = (0..length).map(|row| Row {
            line: row + 1,
            cells: arrays.iter().map(|column| cell(&column[row])).collect(),
        });
        let names = fields.iter().map(|(name, _)| name.clone()).collect();
        return Ok(Contents::new(names, rows.collect()));
    }
    if let Some(contents) = of_indexed_columns(&fields) {
        return Ok(contents);
    }
    if arrays.is_empty() {
        return Ok(of_objects(vec![(1, fields)]));
    }
    Err(DataError::Invalid(format!(
        "{file} is a JSON object that is no table; write an array of objects, or one object a line (.jsonl)"
    )))
}

/// Columns whose values are keyed by the same row indices, as pandas writes a table unless it is told otherwise.
fn of_indexed_columns(fields: &[(String, Value)]) -> Option<Contents> {
    let columns: Vec<_> = fields
        .iter()
        .map(|(_, value)| value.as_object())
        .collect::<Option<_>>()?;
    let indices = columns.first()?;
    if indices.is_empty()
        || !columns
            .iter()
            .all(|column| column.keys().eq(indices.keys()))
    {
        return None;
    }
    let rows = indices.keys().enumerate().map(|(row, index)| Row {
        line: row + 1,
        cells: columns.iter().map(|column| cell(&column[index])).collect(),
    });
    let names = fields.iter().map(|(name, _)| name.clone()).collect();
    Some(Contents::new(names, rows.collect()))
}

/// Columns in the order in which their keys are first seen.
fn of_objects(objects: Vec<(usize, Vec<(String, Value)>)>) -> Contents {
    let mut names: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for (key, _) in objects.iter().flat_map(|(_, fields)| fields) {
        if known.insert(key.clone()) {
            names.push(key.clone());
        }
    }
    let positions: std::collections::HashMap<&str, usize> = names
        .iter()
        .enumerate()
        .map(|(position, name)| (name.as_str(), position))
        .collect();
    let rows = objects.iter().map(|(line, fields)| {
        let mut cells = vec![Cell::Null; names.len()];
        for (key, value) in fields {
            if let Some(&position) = positions.get(key.as_str()) {
                cells[position] = cell(value);
            }
        }
        Row { line: *line, cells }
    });
    let rows = rows.collect();
    Contents::new(names, rows)
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

/// Why a text is no JSON, in one place and in plain words.
fn unreadable(place: &str, text: &str, error: &serde_json::Error) -> DataError {
    let why = if error.is_data() {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        match message.strip_prefix(TWICE) {
            Some(key) => format!("has the key \"{key}\" twice; remove one"),
            None => {
                "is no JSON object; each row is an object like {\"text\": \"..\", \"label\": 0}"
                    .to_owned()
            }
        }
    } else if ["NaN", "Infinity"].iter().any(|word| text.contains(word)) {
        "holds NaN or Infinity, which JSON does not have; write null".to_owned()
    } else if error.is_eof() {
        "ends in the middle of a JSON value; the file is truncated, or a row spans several lines"
            .to_owned()
    } else {
        format!("is not valid JSON (column {})", error.column())
    };
    DataError::Invalid(format!("{place} {why}"))
}

/// What stands before the key in the error of an [`Object`] that holds one twice.
const TWICE: &str = "key twice: ";

/// An object whose keys are checked to be different.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let (mut fields, mut keys) = (Vec::new(), HashSet::new());
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if !keys.insert(key.clone()) {
                        return Err(serde::de::Error::custom(format!("{TWICE}{key}")));
                    }
                    fields.push((key, value));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A whole file.
enum Document {
    Rows(Vec<Object>),
    Object(Object),
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Document;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of objects or an object")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Document, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = seq.next_element()? {
                    rows.push(row);
                }
                Ok(Document::Rows(rows))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Document, A::Error> {
                Object::deserialize(serde::de::value::MapAccessDeserializer::new(map))
                    .map(Document::Object)
            }
        }
        deserializer.deserialize_any(Either)
    }
}
