//! Parses JSON in which no object has a key twice. Of such keys, other parsers take the first or the last, so a proxy in
//! front could read another request than the service.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::pointer::escaped;

/// Parses a document. The inner error is the JSON pointer of the first repeated key.
///
/// # Errors
/// Returns the error of the parser if the document is not valid JSON.
pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<Result<Value, String>> {
    let repeated = RefCell::default();
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let part = Part {
        place: None,
        repeated: &repeated,
    };
    let value = part.deserialize(&mut parser)?;
    parser.end()?;
    Ok(match repeated.into_inner() {
        None => Ok(value),
        Some(pointer) => Err(pointer),
    })
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

/// A value to parse.
#[derive(Clone, Copy)]
struct Part<'a> {
    place: Option<&'a Place<'a>>,
    repeated: &'a RefCell<Option<String>>,
}

impl<'a> Part<'a> {
    fn at<'b>(self, place: &'b Place<'b>) -> Part<'b>
    where
        'a: 'b,
    {
        Part {
            place: Some(place),
            repeated: self.repeated,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Value, D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        let number = number.ok_or_else(|| E::custom("a number is out of range"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            let place = Place {
                parent: self.place,
                step: Step::Index(values.len()),
            };
            match items.next_element_seed(self.at(&place))? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let place = Place {
                parent: self.place,
                step: Step::Key(&key),
            };
            let value = fields.next_value_seed(self.at(&place))?;
            if object.contains_key(&key) {
                self.repeated
                    .borrow_mut()
                    .get_or_insert_with(|| place.pointer());
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn valid_documents_are_read_as_by_serde_json() {
        for text in [
            r#"{"a": [1, -2, 3.5, 1e300, null, true, "x\u0041\n"], "b": {"a": {}}, "": 0}"#,
            "18446744073709551615",
            "[[], [[]]]",
            "\"text\"",
        ] {
            let expected: serde_json::Value = serde_json::from_str(text).expect("valid JSON");
            assert_eq!(
                parse(text.as_bytes()).expect("valid JSON"),
                Ok(expected),
                "{text}"
            );
        }
        for text in ["", "{", "1 2", "{\"a\":}", "1e999"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
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
            assert_eq!(
                parse(text.as_bytes()).expect("valid JSON"),
                Err(pointer.into())
            );
        }
    }
}
