//! Parameters: an optional parameter is absent, never null.

use serde_json::Value;

use super::operations::operations;

/// Removes `null` from the types of all parameters.
pub(super) fn describe(document: &mut Value) {
    for (_, _, operation) in operations(document) {
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let Some(types) = parameter.pointer_mut("/schema/type") else {
                continue;
            };
            let other = types
                .as_array()
                .and_then(|all| all.iter().find(|name| *name != "null"));
            if let Some(other) = other.cloned() {
                *types = other;
            }
        }
    }
}
