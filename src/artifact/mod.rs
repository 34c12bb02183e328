//! Where bytes live: a job's files, in a local folder or a bucket, and the URLs that hand them out.
//!
//! The only place that knows `object_store`. Files lie at keys that are unique to the attempt that wrote
//! them; they are published by committing the [manifest](manifest::Manifest) with the job, never by a rename.

mod copy;
pub mod error;
pub mod health;
pub mod incoming;
pub mod key;
pub mod manifest;
pub mod network;
pub mod object;
pub mod progress;
pub mod s3;
mod s3_failure;
pub mod sign;
pub mod source;
pub mod store;
mod upload;
pub mod url;
