//! The HTTP face. The only place that knows `axum` and `utoipa`.
//!
//! A handler checks nothing twice: extractors turn bad requests into problems, wire structs turn into valid
//! recipes, stores answer. The same line wires a route and its entry in `openapi.yaml`.

mod accept;
mod access;
mod artifacts;
mod audit;
mod blobs;
mod caller;
mod capabilities;
mod document;
mod events;
mod extract;
mod frontier;
mod guard;
mod health;
mod jobs;
mod keys;
mod limits;
mod listen;
mod measure;
mod page;
mod patience;
mod problem;
mod router;
mod state;
mod uploads;
mod webhooks;
mod wire;
mod worker_face;

pub use document::openapi;
pub use limits::Limits;
pub use listen::{Connections, serve};
pub use router::router;
pub use state::{AppState, Capabilities};
pub use wire::duration::parse_ms;
pub use worker_face::worker_face;
