//! Parses JSON whose objects contain each key once, up to a number of values.
//!
//! serde_json alone keeps the last value of a key that occurs twice, while other libraries keep the first one, so a proxy in
//! front could read another request than the service. A value takes many times more memory than its text, so the number of
//! values is limited, not only the size of the text.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not accepted.
#[derive(Debug)]
pub enum Refusal {
    /// An object contains a key twice.
    Duplicate(Duplicate),
    /// The text contains more values than the limit.
    TooMany(usize),
    /// The text is not valid JSON.
    Syntax(serde_json::Error),
}

/// A key that occurs twice in an object.
#[derive(Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The key.
    pub key: String,
    /// Its place in the document, as a JSON pointer (RFC 6901).
    pub pointer: String,
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
    let parsed = Part {
        state: &state,
        place: None,
    }
    .deserialize(&mut deserializer);
    let parsed = parsed.and_then(|value| deserializer.end().map(|()| value));
    match state.refused.into_inner() {
        Some(Refused::Duplicate(duplicate)) => Err(Refusal::Duplicate(duplicate)),
        Some(Refused::TooMany) => Err(Refusal::TooMany(max_values)),
        None => parsed.map_err(Refusal::Syntax),
    }
}

/// What the visitors found. serde's errors carry only a text.
enum Refused {
    Duplicate(Duplicate),
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

/// Escapes a key for a JSON pointer.
#[must_use]
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The place of a value in its document. A list, because a pointer is needed only for an error.
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        let parent = self.parent.map(Self::pointer).unwrap_or_default();
        match self.step {
            Step::Key(key) => format!("{parent}/{}", escaped(key)),
            Step::Index(index) => format!("{parent}/{index}"),
        }
    }
}

/// The seed of a value.
#[derive(Clone, Copy)]
struct Part<'a> {
    state: &'a State,
    place: Option<&'a Place<'a>>,
}

impl<'a> Part<'a> {
    fn at<'b>(self, place: &'b Place<'b>) -> Part<'b>
    where
        'a: 'b,
    {
        Part {
            state: self.state,
            place: Some(place),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.state.left.get().checked_sub(1) {
            Some(left) => self.state.left.set(left),
            None => return Err(self.state.refuse(Refused::TooMany)),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
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
        loop {
            let place = Place {
                parent: self.place,
                step: Step::Index(values.len()),
            };
            match seq.next_element_seed(self.at(&place))? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let place = Place {
                parent: self.place,
                step: Step::Key(&key),
            };
            if fields.contains_key(&key) {
                let pointer = place.pointer();
                let duplicate = Duplicate { key, pointer };
                return Err(self.state.refuse(Refused::Duplicate(duplicate)));
            }
            let value = map.next_value_seed(self.at(&place))?;
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, parse};

    const MANY: usize = 1_000;

    #[test]
    fn valid_documents_are_read_as_by_serde_json() {
        for text in [
            r#"{"a": [1, -2, 3.5, 1e300, null, true, "x\u0041\n"], "b": {"a": {}}, "": 0}"#,
            "18446744073709551615",
            "[[], [[]]]",
            "\"text\"",
        ] {
            let expected: serde_json::Value = serde_json::from_str(text).expect("valid JSON");
            let parsed = parse(text.as_bytes(), MANY).expect("valid JSON");
            assert_eq!(parsed, expected, "{text}");
        }
        for text in ["", "{", "1 2", "{\"a\":}", "1e999"] {
            assert!(
                matches!(parse(text.as_bytes(), MANY), Err(Refusal::Syntax(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn the_first_repeated_key_is_found_in_every_object() {
        for (text, pointer) in [
            (r#"{"a": 1, "a": 1}"#, "/a"),
            (r#"{"a": {"b": 1, "c": 2, "b": 3}}"#, "/a/b"),
            (r#"[0, {"x/y": 1, "x/y": 2}]"#, "/1/x~1y"),
            (r#"{"a": 1, "\u0061": 2, "b": 1, "b": 2}"#, "/a"),
        ] {
            match parse(text.as_bytes(), MANY) {
                Err(Refusal::Duplicate(found)) => assert_eq!(found.pointer, pointer),
                other => panic!("{other:?}"),
            }
        }
    }
}
