//! Turns a JSON value in memory into a cell.

use serde_json::Value;

use super::cell::{self, Cell};
use super::list::List;

/// Returns the value as a cell. If `is_wanted` is false, a list or an object is not read. An object is read as its
/// [text](cell::TEXT). Texts are not longer than the document.
pub(super) fn cell(value: Value, is_wanted: bool) -> Cell {
    match value {
        Value::Object(mut object) if is_wanted => match object.remove(cell::TEXT) {
            None => Cell::Nested(cell::OBJECT),
            Some(Value::Array(items)) => listed(items, false),
            Some(text) => single(text),
        },
        Value::Array(items) if is_wanted => listed(items, true),
        other => single(other),
    }
}

/// Returns the value as a cell without a list.
fn single(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(flag) => Cell::Flag(flag),
        Value::Number(number) => Cell::Text(number.to_string()),
        Value::String(text) => Cell::Text(text),
        Value::Array(_) => Cell::Nested(cell::LIST),
        Value::Object(_) => Cell::Nested(cell::OBJECT),
    }
}

fn listed(items: Vec<Value>, with_objects: bool) -> Cell {
    list(items, with_objects).map_or(Cell::Nested(cell::NESTED_LIST), Cell::from)
}

/// Returns the items as a list, or `None` if an item is a list, or an object without a text that is read.
fn list(items: Vec<Value>, with_objects: bool) -> Option<List> {
    let mut list = List::default();
    for item in items {
        let item = match item {
            Value::Object(mut object) if with_objects => object.remove(cell::TEXT)?,
            other => other,
        };
        match single(item) {
            Cell::Nested(_) => return None,
            item => list.push(item.text()),
        }
    }
    Some(list)
}
