//! Reads one row of a table in JSON: an object whose values become cells. Lists and objects that nobody needs are not kept.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::cell::{self, Cell};
use super::list::List;
use crate::data::limits::Limits;

/// A field of a row: its name and its content.
pub(super) type Field = (String, Cell);

/// Why a value is not a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// An object contains this key twice.
    Duplicate(String),
    /// The value is not an object.
    NoObject,
    /// The object has more keys than the limit on columns.
    TooWide,
    /// A text has more bytes than the limit.
    TooLong,
    /// A list has more items than the limit on fields.
    TooManyItems,
}

/// The seed of a row.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    /// Returns whether the lists of a column are read, by the name of the column.
    pub(super) lists: &'a dyn Fn(&str) -> bool,
    pub(super) limits: &'a Limits,
    /// What is wrong. serde's errors carry only a text.
    pub(super) refused: &'a RefCell<Option<Refused>>,
}

impl Fields<'_> {
    fn refuse<E: Error>(self, what: Refused) -> E {
        self.refused.replace(Some(what));
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = Vec<Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Field>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = Vec<Field>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<Field>, A::Error> {
        let mut fields: Vec<Field> = Vec::new();
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(self.refuse(Refused::Duplicate(name)));
            }
            if names.len() > self.limits.columns {
                return Err(self.refuse(Refused::TooWide));
            }
            let is_wanted = (self.lists)(&name);
            let content = Content {
                row: self,
                with_lists: is_wanted,
                with_objects: is_wanted,
            };
            let content = map.next_value_seed(content)?;
            fields.push((name, content));
        }
        Ok(fields)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Vec<Field>, A::Error> {
        Err(self.refuse(Refused::NoObject))
    }

    fn visit_unit<E: Error>(self) -> Result<Vec<Field>, E> {
        Err(self.refuse(Refused::NoObject))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Vec<Field>, E> {
        Err(self.refuse(Refused::NoObject))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Vec<Field>, E> {
        Err(self.refuse(Refused::NoObject))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Vec<Field>, E> {
        Err(self.refuse(Refused::NoObject))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Vec<Field>, E> {
        Err(self.refuse(Refused::NoObject))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Vec<Field>, E> {
        Err(self.refuse(Refused::NoObject))
    }
}

/// The seed of a cell.
#[derive(Clone, Copy)]
struct Content<'a> {
    row: Fields<'a>,
    /// Whether a list is read.
    with_lists: bool,
    /// Whether an object is read as its [text](cell::TEXT).
    with_objects: bool,
}

impl<'de> DeserializeSeed<'de> for Content<'_> {
    type Value = Cell;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cell, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Content<'_> {
    type Value = Cell;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Cell, E> {
        Ok(Cell::Flag(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell::Text(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Cell, E> {
        Ok(Cell::Text(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Cell, E> {
        let number = Number::from_f64(value);
        Ok(number.map_or(Cell::Null, |number| Cell::Text(number.to_string())))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Cell, E> {
        match value.len() > self.row.limits.row_bytes {
            true => Err(self.row.refuse(Refused::TooLong)),
            false => Ok(Cell::Text(value.to_owned())),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell, A::Error> {
        if !self.with_lists {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Cell::Nested(cell::LIST));
        }
        let inner = Content {
            with_lists: false,
            ..self
        };
        let mut list = Some(List::default());
        while let Some(item) = seq.next_element_seed(inner)? {
            match (&mut list, item) {
                (Some(_), Cell::Nested(_)) => list = None,
                (Some(list), item) => list.push(item.text()),
                (None, _) => {}
            }
            let items = list.as_ref().map_or(0, List::len);
            if items > self.row.limits.fields {
                return Err(self.row.refuse(Refused::TooManyItems));
            }
        }
        Ok(list.map_or(Cell::Nested(cell::NESTED_LIST), Cell::from))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        let inner = Content {
            with_objects: false,
            ..self
        };
        let mut text = None;
        while let Some(key) = map.next_key::<String>()? {
            match self.with_objects && key == cell::TEXT {
                true if text.is_some() => {
                    return Err(self.row.refuse(Refused::Duplicate(key)));
                }
                true => text = Some(map.next_value_seed(inner)?),
                false => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(text.unwrap_or(Cell::Nested(cell::OBJECT)))
    }
}
