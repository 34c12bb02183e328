//! Error responses: any operation can return a problem.

use serde_json::{Value, json};

use super::operations::operations;

/// Adds the error responses to every operation.
pub(super) fn describe(document: &mut Value) {
    for (_, _, operation) in operations(document) {
        for (range, description) in [
            ("4XX", "The request is invalid or not allowed"),
            ("5XX", "The service failed or is unavailable"),
        ] {
            operation["responses"][range] = json!({
                "description": description,
                "content": {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            });
        }
    }
}
