//! Configuration: command-line flags and their `OPTIN_*` environment variables, one file per concern.
//!
//! This is the only module that reads the environment. Clap reads it, by these declarations.

pub mod child;
pub mod device;
pub mod duration;
pub mod limits;
pub mod onnx_runtime;
pub mod retention;
pub mod s3;
pub mod server;
pub mod signing;
pub mod source;
pub mod storage;
pub mod telemetry;
pub mod worker;
