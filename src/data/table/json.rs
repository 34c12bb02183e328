//! Reads tables in JSON: one object per line, an array of objects, or an object of columns.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::cell::Cell;
use super::contents::{Contents, Reading, Row, Rows, check_fields};
use super::json_objects::Objects;
use super::json_row::{Fields, Refused};
use super::json_squad;
use super::json_value::cell;
use super::list::List;
use crate::data::error::DataError;
use crate::unique_json::{self, Refusal};

/// Maximum number of values in an object of columns, which is held in memory as a whole.
const MAX_VALUES: usize = 5_000_000;

/// Reads one object per line. The columns are the keys of all lines. A key that a line does not have is null there.
///
/// # Errors
/// Returns [`DataError::Invalid`] if a line is not a JSON object or contains a key twice, or if there are no lines.
/// Returns [`DataError::Limit`] if the table exceeds the limits.
pub(super) fn lines(file: &str, text: &str, reading: &Reading<'_>) -> Result<Contents, DataError> {
    let mut table = Objects::new(file, reading);
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("{file}, line {}", index + 1);
        if line.len() > reading.limits.row_bytes {
            return Err(too_long(&place(), reading));
        }
        let refused = RefCell::new(None);
        let seed = fields(reading, &refused);
        let mut deserializer = serde_json::Deserializer::from_str(line);
        let read = seed.deserialize(&mut deserializer);
        let read = read.and_then(|row| deserializer.end().map(|()| row));
        match (read, refused.into_inner()) {
            (_, Some(what)) => return Err(refusal(&place(), what, reading)),
            (Ok(row), None) => table.add(index + 1, row)?,
            (Err(error), None) => return Err(unreadable(&place(), line, &error)),
        }
    }
    match table.rows.count() {
        0 => Err(DataError::Invalid(format!("{file} is empty"))),
        _ => Ok(table.finish("line")),
    }
}

fn fields<'a>(reading: &Reading<'a>, refused: &'a RefCell<Option<Refused>>) -> Fields<'a> {
    Fields {
        lists: reading.lists,
        limits: reading.limits,
        refused,
    }
}

fn refusal(place: &str, what: Refused, reading: &Reading<'_>) -> DataError {
    match what {
        Refused::Duplicate(key) => twice(place, &key),
        Refused::NoObject => no_object(place),
        Refused::TooLong => too_long(place, reading),
        Refused::TooWide => DataError::Limit(format!(
            "{place} has more than {} columns, which is the limit; leave out those that are not needed",
            reading.limits.columns
        )),
        Refused::TooManyItems => DataError::Limit(format!(
            "{place} has a list of more than {} items, which is the limit",
            reading.limits.fields
        )),
    }
}

fn twice(place: &str, key: &str) -> DataError {
    DataError::Invalid(format!("{place} has the key \"{key}\" twice; remove one"))
}

fn too_long(place: &str, reading: &Reading<'_>) -> DataError {
    DataError::Limit(format!(
        "{place} has more than {} bytes, which is the limit for a row and for a text; shorten its texts",
        reading.limits.row_bytes
    ))
}

/// Reads a whole document: an array of objects, an object that contains one such array, a nested document of question
/// answering, an object of columns, a single object as one row, or JSON lines. A column is an array, or an object whose keys are row indices.
///
/// # Errors
/// Returns [`DataError::Invalid`] if the document is none of these, and [`DataError::Limit`] if the table exceeds the
/// limits.
pub(super) fn document(
    file: &str,
    text: &str,
    reading: &Reading<'_>,
) -> Result<Contents, DataError> {
    if text.trim_start().starts_with('[') {
        return array(file, text, reading);
    }
    let syntax = |error: &serde_json::Error| {
        let place = format!("{file}, line {}", error.line());
        let line = text.lines().nth(error.line().saturating_sub(1));
        unreadable(&place, line.unwrap_or_default(), error)
    };
    match unique_json::parse(text.as_bytes(), MAX_VALUES) {
        Ok(Value::Object(fields)) => of_one_object(file, fields, reading),
        Ok(_) => Err(no_object(file)),
        // Several documents in sequence are JSON lines.
        Err(Refusal::Syntax(error)) if error.is_syntax() && text.trim_start().starts_with('{') => {
            lines(file, text, reading)
        }
        Err(Refusal::Syntax(error)) => Err(syntax(&error)),
        Err(Refusal::Duplicate(found)) => Err(twice(file, &found.key)),
        Err(Refusal::TooMany(most)) => Err(DataError::Limit(format!(
            "{file} has more than {most} values, which is the limit for a JSON object; write one object per line (.jsonl)"
        ))),
    }
}

/// Reads an array of objects.
fn array(file: &str, text: &str, reading: &Reading<'_>) -> Result<Contents, DataError> {
    let (refused, wrong) = (RefCell::new(None), RefCell::new(None));
    let mut table = Objects::new(file, reading);
    let seed = Array {
        table: &mut table,
        row: fields(reading, &refused),
        wrong: &wrong,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = seed.deserialize(&mut deserializer);
    let read = read.and_then(|()| deserializer.end());
    if let Some(wrong) = wrong.into_inner() {
        return Err(wrong);
    }
    if let Some(what) = refused.into_inner() {
        let place = format!("{file}, row {}", table.rows.count() + 1);
        return Err(refusal(&place, what, reading));
    }
    if let Err(error) = read {
        let place = format!("{file}, line {}", error.line());
        let line = text.lines().nth(error.line().saturating_sub(1));
        return Err(unreadable(&place, line.unwrap_or_default(), &error));
    }
    Ok(table.finish("row"))
}

/// The seed of an array of objects.
struct Array<'a, 't> {
    table: &'a mut Objects<'t>,
    row: Fields<'a>,
    /// The first limit that was exceeded.
    wrong: &'a RefCell<Option<DataError>>,
}

impl<'de> DeserializeSeed<'de> for Array<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Array<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(row) = seq.next_element_seed(self.row)? {
            let line = self.table.rows.count() + 1;
            if let Err(error) = self.table.add(line, row) {
                self.wrong.replace(Some(error));
                return Err(serde::de::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// Reads objects as rows.
fn of_objects(
    file: &str,
    rows: impl Iterator<Item = Map<String, Value>>,
    reading: &Reading<'_>,
) -> Result<Contents, DataError> {
    let mut table = Objects::new(file, reading);
    for (index, row) in rows.enumerate() {
        let cells = row.into_iter().map(|(name, value)| {
            let wanted = (reading.lists)(&name);
            (name, cell(value, wanted))
        });
        table.add(index + 1, cells.collect())?;
    }
    Ok(table.finish("row"))
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
        if json_squad::is_nested(&rows) {
            return json_squad::read(file, rows, reading);
        }
        let rows = rows.into_iter().filter_map(|row| match row {
            Value::Object(fields) => Some(fields),
            _ => None,
        });
        return of_objects(file, rows, reading);
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
        return of_objects(file, std::iter::once(fields), reading);
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
    let mut rows = Rows::new(file, reading);
    for line in 1..=length {
        let values = columns.iter_mut().zip(&wanted);
        let cells = values.filter_map(|(column, &wanted)| Some(cell(column.next()?, wanted)));
        let cells: Vec<Cell> = cells.collect();
        let items = cells.iter().filter_map(Cell::list).map(List::len).sum();
        rows.add(names.len(), items, || Row { line, cells })?;
    }
    Ok(rows.finish(names, "row"))
}

/// Returns the number of items of an array, and 0 for other values.
fn items_of(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
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
        return no_object(place);
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
