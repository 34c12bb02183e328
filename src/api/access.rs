//! What each operation needs, read from the document: what it promises is what is asked for.

use std::collections::HashMap;

use axum::http::Method;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::job::key::KeyScope;

/// Name of the security scheme in the document.
pub(super) const SCHEME: &str = "api_key";

/// What a caller must show for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// A key with this scope.
    Key(KeyScope),
}

/// What each operation needs.
pub(super) struct Needs(HashMap<(Method, String), Need>);

impl Needs {
    pub(super) fn of(document: &OpenApi) -> Self {
        let document = serde_json::to_value(document).unwrap_or_default();
        let mut needs = HashMap::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if let Ok(method) = method.to_uppercase().parse() {
                    needs.insert((method, path.clone()), need(&operation["security"]));
                }
            }
        }
        Self(needs)
    }

    /// `None` where there is no such operation.
    pub(super) fn operation(&self, method: &Method, route: &str) -> Option<Need> {
        let method = match method {
            &Method::HEAD => Method::GET,
            method => method.clone(),
        };
        self.0.get(&(method, route.to_owned())).copied()
    }
}

/// An operation that says nothing, or something unknown, needs the most.
fn need(security: &Value) -> Need {
    if security == &serde_json::json!([{}]) {
        return Need::Nothing;
    }
    let scope = security[0][SCHEME][0].as_str();
    Need::Key(
        scope
            .and_then(|scope| scope.parse().ok())
            .unwrap_or(KeyScope::Admin),
    )
}
