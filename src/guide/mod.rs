//! The manual: pages that belong to no single module.
//!
//! - [`measurements`]: accuracy, speed and the effect of each part of the method.
//! - [`deployment`]: several machines, API keys, proxies, logs and metrics.
//! - [`outages`]: what clients and jobs see when a database, a bucket, a hub or a worker fails.
//!
//! The HTTP API is described in `openapi.yaml`, which a running service shows at `/docs`. Every flag is described by
//! `optin COMMAND --help`.

pub mod deployment;
pub mod measurements;
pub mod outages;
