//! What each operation requires and accepts, read from the document: what the document promises is what is enforced.

use std::collections::HashMap;

use axum::http::Method;
use serde_json::Value;

use super::document::security::SCOPE;
use super::problem::Problem;
use crate::job::key::KeyScope;

/// An operation of the document.
pub(super) struct Operation {
    /// Scope of the API key that it requires. `None` if it is public.
    pub(super) scope: Option<KeyScope>,
    /// Names of its query parameters.
    parameters: Vec<String>,
}

/// Every operation, by method and route.
pub(super) struct Operations(HashMap<(Method, String), Operation>);

impl Operations {
    pub(super) fn of(document: &Value) -> Self {
        let mut operations = HashMap::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if let Ok(method) = method.to_uppercase().parse() {
                    operations.insert((method, path.clone()), Operation::of(operation));
                }
            }
        }
        Self(operations)
    }

    /// The operation, or `None` if there is none.
    pub(super) fn get(&self, method: &Method, route: &str) -> Option<&Operation> {
        let method = match method {
            &Method::HEAD => Method::GET,
            method => method.clone(),
        };
        self.0.get(&(method, route.to_owned()))
    }
}

impl Operation {
    fn of(operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let queries = parameters.filter(|parameter| parameter["in"] == "query");
        let names = queries.filter_map(|parameter| parameter["name"].as_str());
        let scope = operation[SCOPE]
            .as_str()
            .and_then(|scope| scope.parse().ok());
        let public = operation["security"] == serde_json::json!([{}]);
        Self {
            // An operation that names no scope requires the highest.
            scope: (!public).then(|| scope.unwrap_or(KeyScope::Admin)),
            parameters: names.map(str::to_owned).collect(),
        }
    }

    /// Rejects query parameters that the operation does not have: a misspelled filter would return everything.
    pub(super) fn check_query(&self, query: Option<&str>) -> Result<(), Problem> {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        for (name, _) in pairs {
            if !self.parameters.iter().any(|known| *known == name) {
                let detail = match self.parameters.is_empty() {
                    true => format!("unknown query parameter \"{name}\"; this operation has none"),
                    false => format!(
                        "unknown query parameter \"{name}\"; the parameters of this operation are {}",
                        self.parameters.join(", ")
                    ),
                };
                return Err(Problem::bad_request(name, detail));
            }
        }
        Ok(())
    }
}
