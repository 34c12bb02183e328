//! The fields of the form, and the request that they make.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::main_fields::TARGET;
use super::settings::{Setting, Settings};

/// The texts of the fields, by the path of each in the request.
#[derive(Default)]
pub(super) struct Draft(BTreeMap<String, String>);

impl Draft {
    /// The fields of a form. Empty ones have their defaults.
    pub(super) fn from_fields<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let pairs = pairs.filter(|(_, value)| !value.is_empty());
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// The fields for a request. Values that are the defaults stay empty.
    pub(super) fn of(request: &Value, settings: &Settings) -> Self {
        let mut draft = Self::default();
        for setting in settings.all() {
            let pointer = format!("/{}", setting.path.replace('.', "/"));
            let text = request.pointer(&pointer).and_then(Setting::text);
            let text = text.filter(|text| !text.is_empty() && !setting.is_default(text));
            if let Some(text) = text {
                draft.set(
                    &setting.path,
                    text.trim_end_matches(if setting.path == TARGET { '%' } else { '\0' }),
                );
            }
        }
        draft
    }

    pub(super) fn set(&mut self, path: &str, value: &str) {
        self.0.insert(path.to_owned(), value.to_owned());
    }

    pub(super) fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The request as JSON.
    pub(super) fn request(&self, settings: &Settings) -> Value {
        let mut request = Value::Object(Map::new());
        for setting in settings.all() {
            let Some(text) = self.get(&setting.path) else {
                continue;
            };
            let value = match setting.path == TARGET {
                true => format!("{}%", text.trim_end_matches(['%', ' '])).into(),
                false => setting.value(text),
            };
            put(&mut request, &setting.path, value);
        }
        // Settings of evaluation data without the data would be rejected for the missing address.
        if request["evaluation"]["uri"].is_null()
            && let Some(request) = request.as_object_mut()
        {
            request.shift_remove("evaluation");
        }
        request
    }
}

fn put(mut at: &mut Value, path: &str, value: Value) {
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let Some(fields) = at.as_object_mut() else {
            return;
        };
        if names.peek().is_none() {
            fields.insert(name.to_owned(), value);
            return;
        }
        at = fields
            .entry(name)
            .or_insert_with(|| Value::Object(Map::new()));
    }
}
