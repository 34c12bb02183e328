//! Schemas of closed lists of words, with the meaning of each word.

use schemars::JsonSchema;
use serde_json::{Value, json};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

/// Gives an enum of unit variants a schema under a name, with a description of each word from its doc comment.
macro_rules! enumeration {
    ($type:ty as $name:literal) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::api::document::enumeration::described::<Self>()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
}

pub(in crate::api) use enumeration;

/// The schema of an enum of unit variants.
pub(in crate::api) fn described<T: JsonSchema>() -> RefOr<Schema> {
    let schema = words(schemars::schema_for!(T).to_value());
    let words = schema["enum"].as_array().cloned();
    let object = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(schema["description"].as_str())
        .enum_values(words);
    RefOr::T(Schema::Object(object.build()))
}

/// Turns a choice of constants into an `enum` whose description lists what each means; leaves other schemas alone.
pub(super) fn words(schema: Value) -> Value {
    let choices: Vec<&Value> = match (&schema["oneOf"], &schema["enum"]) {
        (Value::Array(choices), _) => choices.iter().collect(),
        _ => return schema,
    };
    let mut known = Vec::new();
    let mut lines = String::new();
    for choice in choices {
        // Variants without a doc comment share one `enum`.
        let same = choice["enum"].as_array().into_iter().flatten();
        let constants: Vec<&Value> = choice.get("const").into_iter().chain(same).collect();
        if constants.is_empty() {
            return schema;
        }
        for constant in constants {
            known.push(constant.clone());
            let word = constant.as_str().unwrap_or_default();
            lines += &match choice["description"].as_str() {
                Some(meaning) => format!("\n- `{word}`: {}", meaning.replace('\n', " ")),
                None => format!("\n- `{word}`"),
            };
        }
    }
    let description = schema["description"].as_str().unwrap_or_default();
    json!({"type": "string", "description": format!("{description}\n{lines}"), "enum": known})
}
