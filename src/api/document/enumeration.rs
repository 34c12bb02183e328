//! Schemas of closed lists of words, with the meaning of each word.

use serde_json::{Value, json};

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
