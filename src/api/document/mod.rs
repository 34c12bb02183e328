//! The OpenAPI document.
//!
//! Handlers and wire types describe themselves. What holds for all of them is added here, one file a concern.

pub(super) mod derived;
mod enumeration;
mod operations;
mod parameters;
mod requests;
mod responses;
pub(super) mod schema;
pub(super) mod security;
mod text;

use serde_json::Value;
use utoipa::OpenApi as _;
use utoipa::openapi::{OpenApi, Server};

use super::problem::{FieldError, Problem, ProblemCode};

/// Address of a service that runs with its defaults.
pub(super) const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "optin",
        contact(name = "The maintainers of optin"),
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "jobs", description = "Pruning jobs and their events"),
        (name = "artifacts", description = "Files of a job's result"),
        (name = "uploads", description = "Models and datasets that clients upload"),
        (name = "webhooks", description = "Endpoints that receive job events"),
        (name = "keys", description = "API keys and the audit log"),
        (name = "service", description = "Health, metrics and capabilities"),
    ),
    components(schemas(Problem, FieldError, ProblemCode)),
)]
struct Document;

/// Completes the document that the routes describe, for a service that clients reach at `url`.
pub(super) fn complete(mut document: OpenApi, url: &str) -> Value {
    document.servers = Some(vec![Server::new(url)]);
    let mut document = serde_json::to_value(&document).unwrap_or_default();
    security::describe(&mut document);
    parameters::describe(&mut document);
    responses::describe(&mut document);
    schema::add(&mut document);
    text::lay_out(&mut document);
    requests::describe(&mut document);
    document
}

/// A document as YAML.
#[must_use]
pub fn yaml(document: &Value) -> String {
    yaml_serde::to_string(document).unwrap_or_default()
}

/// The head of the document.
pub(super) fn head() -> OpenApi {
    let mut head = Document::openapi();
    head.info.description = Some(include_str!("introduction.md").trim().to_owned());
    head
}
