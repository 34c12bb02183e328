//! Edits of JSON documents: values, keys and lengths change, and the document stays JSON.

use arbitrary::Arbitrary;
use serde_json::{Map, Number, Value, json};

use crate::seeds;

/// A change of a document. Places are counted modulo the number of values, in the order of the document.
#[derive(Arbitrary, Debug)]
pub enum Change {
    /// Another value in this place.
    Set { at: u16, value: New },
    /// Another entry in this object or list.
    Insert { at: u16, key: u16, value: New },
    /// Without the last entry of this object or list.
    Pop { at: u16 },
    /// The value of another place.
    Copy { from: u16, to: u16 },
    /// The items of this list, or the text, repeated.
    Repeat { at: u16, doublings: u8 },
}

/// A value.
#[derive(Arbitrary, Debug)]
pub enum New {
    Null,
    Boolean(bool),
    Small(i8),
    Integer(i64),
    /// A power of two, and what is next to it.
    Power {
        exponent: u8,
        next: i8,
    },
    Decimal(f64),
    Text(String),
    LongText {
        doublings: u8,
    },
    EmptyList,
    EmptyObject,
    Nested {
        doublings: u8,
    },
    /// A value that occurs in the configuration of one of the seeds.
    Known(u16),
    List(Vec<New>),
}

impl New {
    fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => json!(value),
            Self::Small(value) => json!(value),
            Self::Integer(value) => json!(value),
            Self::Power { exponent, next } => {
                let power = 1_i128 << (exponent % 65);
                let near = power + i128::from(next % 2);
                Number::from_i128(near).map_or(Value::Null, Value::Number)
            }
            Self::Decimal(value) => json!(value),
            Self::Text(text) => json!(text),
            Self::LongText { doublings } => json!("a".repeat(1 << (doublings % 21))),
            Self::EmptyList => json!([]),
            Self::EmptyObject => json!({}),
            Self::Nested { doublings } => {
                (0..1 << (doublings % 8)).fold(json!(1), |inner, _| json!([inner]))
            }
            Self::Known(at) => seeds::known_value(*at),
            Self::List(items) => items.iter().take(64).map(Self::value).collect(),
        }
    }
}

/// Changes a document, if the content is one.
pub fn edit(content: &mut Vec<u8>, change: &Change) {
    if let Ok(mut document) = serde_json::from_slice(content) {
        edit_value(&mut document, change);
        *content = document.to_string().into_bytes();
    }
}

/// Changes the header of a safetensors file. The data stay as they are.
pub fn edit_header(content: &mut Vec<u8>, change: &Change) {
    let Some((length, rest)) = content.split_first_chunk::<8>() else {
        return;
    };
    let length = u64::from_le_bytes(*length);
    let Some((header, data)) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
    else {
        return;
    };
    let mut header = header.to_vec();
    edit(&mut header, change);
    let length = (header.len() as u64).to_le_bytes();
    *content = [&length, header.as_slice(), data].concat();
}

fn edit_value(document: &mut Value, change: &Change) {
    let count = values(document);
    let place = |at: u16| usize::from(at) % count;
    match change {
        Change::Set { at, value } => {
            if let Some(found) = nth(document, &mut place(*at)) {
                *found = value.value();
            }
        }
        Change::Insert { at, key, value } => match nth(document, &mut place(*at)) {
            Some(Value::Object(entries)) => {
                entries.insert(seeds::known_key(*key), value.value());
            }
            Some(Value::Array(items)) => items.push(value.value()),
            _ => {}
        },
        Change::Pop { at } => match nth(document, &mut place(*at)) {
            Some(Value::Object(entries)) => {
                let last = entries.keys().next_back().cloned();
                last.and_then(|key| entries.remove(&key));
            }
            Some(Value::Array(items)) => drop(items.pop()),
            _ => {}
        },
        Change::Copy { from, to } => {
            let from = nth(document, &mut place(*from)).cloned();
            if let (Some(value), Some(found)) = (from, nth(document, &mut place(*to))) {
                *found = value;
            }
        }
        Change::Repeat { at, doublings } => match nth(document, &mut place(*at)) {
            Some(Value::Array(items)) => {
                let times = (1 << (doublings % 17)) / items.len().max(1);
                let repeated = std::iter::repeat_n(items.clone(), times.max(1));
                *items = repeated.flatten().collect();
            }
            Some(Value::String(text)) => {
                let times = (1 << (doublings % 21)) / text.len().max(1);
                *text = text.repeat(times.max(1));
            }
            _ => {}
        },
    }
}

/// Returns the number of values of a document, itself included.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(entries) => entries.values().map(values).sum::<usize>(),
        _ => 0,
    }
}

/// Returns the value at this place.
fn nth<'a>(value: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    let mut inner: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Array(items) => Box::new(items.iter_mut()),
        Value::Object(entries) => Box::new(entries.values_mut()),
        _ => return None,
    };
    inner.find_map(|inner| nth(inner, at))
}

/// Collects the keys and the values other than lists and objects.
pub fn collect(value: &Value, keys: &mut Vec<String>, leaves: &mut Vec<Value>) {
    let of_object =
        |entries: &Map<String, Value>, keys: &mut Vec<String>, leaves: &mut Vec<Value>| {
            for (key, value) in entries {
                keys.push(key.clone());
                collect(value, keys, leaves);
            }
        };
    match value {
        Value::Object(entries) => of_object(entries, keys, leaves),
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys, leaves)),
        leaf => leaves.push(leaf.clone()),
    }
}
