//! Configuration: flags with their `OPTIN_*` twins in the environment, one file a concern.
//!
//! The only place that reads the environment (clap does, by these declarations).

pub mod device;
pub mod limits;
pub mod retention;
pub mod s3;
pub mod server;
pub mod storage;
pub mod telemetry;
pub mod worker;
