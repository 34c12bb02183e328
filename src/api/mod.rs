//! The HTTP API. Only this module uses `axum` and `utoipa`.
//!
//! Extractors reject invalid requests with problems, wire types convert to validated recipes, and stores hold the state. One
//! line in `routes.rs` registers a route together with its entry in `openapi.yaml`.

mod accept;
mod access;
mod address;
mod admission;
mod artifact_path;
mod artifacts;
mod audit;
mod blobs;
mod bundle;
mod caller;
mod capabilities;
mod datasets;
mod document;
mod events;
mod extract;
mod frontier;
mod guard;
mod health;
mod held_body;
mod jobs;
mod keys;
mod known_keys;
mod limits;
mod listen;
mod measure;
mod media_type;
mod page;
mod pointer;
mod precondition;
mod problem;
mod request;
mod router;
mod routes;
mod stall;
mod state;
mod timeout;
mod uploads;
mod usage;
mod webhooks;
mod wire;
mod worker_routes;
mod workers;

pub use address::AddressSource;
pub use document::yaml;
pub use limits::Limits;
pub use listen::{Connections, bind, serve};
pub use router::router;
pub use routes::openapi;
pub use state::{AppState, Capabilities};
pub use wire::duration::parse_ms;
pub use worker_routes::worker_routes;
