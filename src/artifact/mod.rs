//! Stores the files of jobs in a local folder or a bucket, and signs the URLs that serve them.
//!
//! Only this module uses the `object_store` crate. The key of a file is unique to the attempt that wrote the
//! file. Files are published by committing the [manifest](manifest::Manifest) with the job, never by a rename.

mod copy;
pub mod error;
pub mod health;
pub mod incoming;
pub mod key;
pub mod key_file;
pub mod manifest;
pub mod network;
pub mod object;
mod parts;
pub mod private;
pub mod progress;
pub mod s3;
mod s3_failure;
pub mod sign;
pub mod source;
pub mod store;
mod turns;
mod upload;
pub mod url;
