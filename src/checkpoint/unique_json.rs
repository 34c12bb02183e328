//! Parses JSON whose objects contain each key once, up to a number of values.
//!
//! serde_json alone keeps the last value of a key that occurs twice, while other libraries keep the first one. A value
//! takes many times more memory than its text, so the number of values is limited, not only the size of the text.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not accepted.
#[derive(Debug)]
pub enum Refusal {
    /// An object contains this key twice.
    Duplicate(String),
    /// The text contains more values than the limit.
    TooMany(usize),
    /// The text is not valid JSON.
    Syntax(serde_json::Error),
}

/// Parses a text with at most this number of values. A list or an object counts as one value, in addition to its content.
///
/// # Errors
/// Returns [`Refusal`] if the text is not valid JSON, if an object contains a key twice, or if there are more values.
pub fn parse(text: &[u8], max_values: usize) -> Result<Value, Refusal> {
    let state = State {
        left: Cell::new(max_values),
        refused: RefCell::new(None),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let parsed = Counted(&state).deserialize(&mut deserializer);
    let parsed = parsed.and_then(|value| deserializer.end().map(|()| value));
    match state.refused.into_inner() {
        Some(Refused::Duplicate(key)) => Err(Refusal::Duplicate(key)),
        Some(Refused::TooMany) => Err(Refusal::TooMany(max_values)),
        None => parsed.map_err(Refusal::Syntax),
    }
}

/// What the visitors found. serde's errors carry only a text.
enum Refused {
    Duplicate(String),
    TooMany,
}

struct State {
    left: Cell<usize>,
    refused: RefCell<Option<Refused>>,
}

impl State {
    fn refuse<E: Error>(&self, what: Refused) -> E {
        self.refused.replace(Some(what));
        E::custom("refused")
    }
}

/// The seed of a value.
#[derive(Clone, Copy)]
struct Counted<'a>(&'a State);

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.0.left.get().checked_sub(1) {
            Some(left) => self.0.left.set(left),
            None => return Err(self.0.refuse(Refused::TooMany)),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if fields.contains_key(&key) {
                return Err(self.0.refuse(Refused::Duplicate(key)));
            }
            fields.insert(key, map.next_value_seed(self)?);
        }
        Ok(Value::Object(fields))
    }
}
