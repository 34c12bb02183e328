//! The user guide.
//!
//! - [`measurements`]: accuracy, scoring cost and variants of the method.
//! - [`speed`]: speed of the engine and of results.
//! - [`deployment`]: several machines, API keys, proxies, logs and metrics.
//! - [`outages`]: what clients and jobs see during an outage of the database, the bucket, a source or a worker.
//!
//! A running service has a dashboard at `/`. The HTTP API is described in `openapi.yaml`, which it shows at `/docs`. Every flag is described by
//! `optin COMMAND --help`.

pub mod deployment;
pub mod measurements;
pub mod outages;
pub mod speed;
