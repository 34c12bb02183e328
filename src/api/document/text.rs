//! Layout of descriptions: one line per paragraph and list item, and one place for those of nullable properties.
//!
//! Doc comments are wrapped at the width of the source code. Some renderers would show these line breaks.

use serde_json::{Map, Value};

/// Lays out every description of a part of the document.
pub(super) fn lay_out(part: &mut Value) {
    match part {
        Value::Object(fields) => {
            lift(fields);
            // A property may itself have the name `description`; its value is an object.
            for name in ["description", "summary"] {
                if let Some(Value::String(text)) = fields.get_mut(name) {
                    *text = unwrapped(text);
                }
            }
            fields.values_mut().for_each(lay_out);
        }
        Value::Array(items) => items.iter_mut().for_each(lay_out),
        _ => {}
    }
}

/// Moves the description of a nullable reference from the alternative to the property.
fn lift(property: &mut Map<String, Value>) {
    let nullable = |alternative: &Value| alternative["type"] == "null";
    let Some(Value::Array(alternatives)) = property.get_mut("oneOf") else {
        return;
    };
    if alternatives.len() != 2 || !alternatives.iter().any(nullable) {
        return;
    }
    let mut fields = alternatives.iter_mut().filter_map(Value::as_object_mut);
    let described = fields.find_map(|fields| fields.shift_remove("description"));
    if let Some(described) = described {
        property.insert("description".to_owned(), described);
    }
}

/// Joins the lines of each paragraph and of each list item.
fn unwrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let starts = line.is_empty() || line.starts_with("- ") || line.starts_with('#');
        match lines.last_mut().filter(|last| !starts && !last.is_empty()) {
            Some(last) => *last = format!("{last} {}", line.trim()),
            None => lines.push(line.trim_end().to_owned()),
        }
    }
    lines.join("\n")
}
