//! Authentication: the scheme, and the scope that each operation requires.

use serde_json::{Value, json};

use super::operations::operations;

/// Name of the security scheme in handlers and in the document.
pub(in crate::api) const SCHEME: &str = "api_key";

/// Extension that names the scope of the key that an operation requires.
pub(in crate::api) const SCOPE: &str = "x-required-scope";

/// Declares the scheme. Replaces each operation's scope, which OpenAPI knows for OAuth alone, by [`SCOPE`] and a
/// sentence.
pub(super) fn describe(document: &mut Value) {
    document["components"]["securitySchemes"][SCHEME] = json!({
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "optk_<id>_<secret>",
        "description": "An API key, sent as `Authorization: Bearer optk_...`. By default, a service that listens on a loopback address \
                        requires none.",
    });
    for (_, _, operation) in operations(document) {
        let Some(scope) = operation["security"][0][SCHEME][0].as_str() else {
            continue;
        };
        let scope = scope.to_owned();
        let description = operation["description"].as_str().unwrap_or_default();
        let required = format!("{description}\n\nRequired scope: `{scope}`.");
        operation["description"] = json!(required.trim());
        operation["security"] = json!([{SCHEME: []}, {}]);
        operation[SCOPE] = json!(scope);
    }
}
