//! Where bytes live: a job's files, in an object store, and the URLs that hand them out.
//!
//! The only place that knows `object_store`. Files lie at keys that are unique to the attempt that wrote
//! them; they are published by committing the [manifest](manifest::Manifest) with the job, never by a rename.

pub mod error;
pub mod key;
pub mod manifest;
pub mod sign;
pub mod store;
