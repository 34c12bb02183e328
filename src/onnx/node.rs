//! Nodes: applications of operators.

use super::proto::AttributeProto;
use super::value::Value;

/// A named setting of an operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attribute<'a> {
    /// A real number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(&'a [i64]),
    /// A word.
    Text(&'a str),
}

/// An application of an operator with one result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) operator: &'static str,
    /// The arguments. `None` for an optional one that is left out.
    pub(super) inputs: Vec<Option<Value>>,
    pub(super) attributes: Vec<AttributeProto>,
    pub(super) outputs: Vec<Value>,
}

impl Node {
    /// Returns a setting that is a whole number.
    pub(super) fn int(&self, name: &str) -> Option<i64> {
        let mut named = self.attributes.iter();
        named.find(|attribute| attribute.name == name)?.i
    }
}

impl Attribute<'_> {
    pub(super) fn named(self, name: &str) -> AttributeProto {
        let mut message = AttributeProto {
            name: name.to_owned(),
            ..AttributeProto::default()
        };
        // The numbers of the types in `AttributeProto.AttributeType`.
        message.r#type = match self {
            Self::Float(value) => {
                message.f = Some(value);
                1
            }
            Self::Int(value) => {
                message.i = Some(value);
                2
            }
            Self::Text(value) => {
                message.s = Some(value.as_bytes().to_vec());
                3
            }
            Self::Ints(values) => {
                message.ints = values.to_vec();
                7
            }
        };
        message
    }
}
