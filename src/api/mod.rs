//! The HTTP face. The only place that knows `axum` and `utoipa`.
//!
//! A handler checks nothing twice: extractors turn bad requests into problems, wire structs turn into valid
//! recipes, stores answer. The same line wires a route and its entry in `openapi.yaml`.

mod artifacts;
mod blobs;
mod caller;
mod capabilities;
mod document;
mod events;
mod extract;
mod health;
mod jobs;
mod measure;
mod problem;
mod router;
mod state;
mod webhooks;
mod wire;

pub use document::openapi;
pub use router::router;
pub use state::{AppState, Capabilities};
