//! Bounds of the numbers in a recipe. The schemas of their types contain them.

use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde_json::Value;

use crate::prune::failure::{Code, Failure};

/// Returns the minimum and the maximum of a field, or `None` if its schema does not have both.
#[must_use]
pub fn bounds<T: JsonSchema>(field: &str) -> Option<(f64, f64)> {
    both(&schema_for!(T).as_value()["properties"][field])
}

fn both(property: &Value) -> Option<(f64, f64)> {
    property["minimum"]
        .as_f64()
        .zip(property["maximum"].as_f64())
}

fn may_be_absent(property: &Value) -> bool {
    let kinds = property["type"].as_array();
    kinds.is_some_and(|kinds| kinds.contains(&Value::from("null")))
}

/// Checks each field of a part of a recipe against its schema: a number against its bounds, bounds included, and a list
/// against its maximum length.
///
/// # Errors
/// Returns [`Code::InvalidRecipe`], which names the field and its range.
pub(super) fn check<T: JsonSchema + Serialize>(part: &str, value: &T) -> Result<(), Failure> {
    let schema = schema_for!(T);
    let value = serde_json::to_value(value).unwrap_or_default();
    let properties = schema.as_value()["properties"].as_object();
    for (name, property) in properties.into_iter().flatten() {
        let wrong = |what: String| {
            Err(Failure::new(
                Code::InvalidRecipe,
                format!("{part}.{name} {what}"),
            ))
        };
        if let Some((low, high)) = both(property) {
            match value[name].as_f64() {
                Some(number) if (low..=high).contains(&number) => {}
                Some(number) => {
                    return wrong(format!("is {number}; it must be between {low} and {high}"));
                }
                None if may_be_absent(property) => {}
                // JSON has no such numbers, so they are null in the value.
                None => {
                    return wrong(format!(
                        "is not finite; it must be between {low} and {high}"
                    ));
                }
            }
        }
        let length = value[name].as_array().map(|items| items.len() as u64);
        if let (Some(length), Some(most)) = (length, property["maxItems"].as_u64())
            && length > most
        {
            return wrong(format!("has {length} items; the maximum is {most}"));
        }
    }
    Ok(())
}
