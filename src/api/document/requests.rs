//! Schemas of request bodies: no unknown properties, and defaults as sentences.
//!
//! Generators take a property with `default` for one that is always present, so a client would have to send it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::operations::operations;

/// Forbids unknown properties in every request body, as [`Body`](crate::api::extract::Body) does, and moves `default` of
/// every property into its description.
pub(super) fn describe(document: &mut Value) {
    let mut names = BTreeSet::new();
    let bodies: Vec<Value> = operations(document)
        .map(|(_, _, operation)| operation["requestBody"].clone())
        .collect();
    let schemas = document["components"]["schemas"].clone();
    for body in &bodies {
        references(body, &schemas, &mut names);
    }
    for name in names {
        let schema = &mut document["components"]["schemas"][&name];
        let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        for (_, property) in properties {
            let Some(default) = property
                .as_object_mut()
                .and_then(|p| p.shift_remove("default"))
            else {
                continue;
            };
            // An optional property without a default.
            if default.is_null() {
                continue;
            }
            let described = property["description"].as_str().unwrap_or_default();
            let default = match &default {
                Value::String(word) => word.clone(),
                // `4.0` as `4`.
                Value::Number(number) => {
                    number.as_f64().map_or_else(String::new, |n| n.to_string())
                }
                other => other.to_string(),
            };
            property["description"] = json!(format!("{described} Default: `{default}`.").trim());
        }
        schema["additionalProperties"] = json!(false);
    }
}

/// Names of the component schemas that a part of the document refers to, directly or through others.
fn references(part: &Value, schemas: &Value, names: &mut BTreeSet<String>) {
    match part {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(|name| name.rsplit('/').next())
                && names.insert(name.to_owned())
            {
                references(&schemas[name], schemas, names);
            }
            for value in fields.values() {
                references(value, schemas, names);
            }
        }
        Value::Array(items) => {
            for item in items {
                references(item, schemas, names);
            }
        }
        _ => {}
    }
}
