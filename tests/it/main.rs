//! All integration tests in one binary: it links once.

mod api;
mod architecture;
mod artifact;
mod checkpoint;
mod data;
mod fixture;
mod job_state;
mod job_store;
mod laws;
mod method;
mod openapi;
mod prune;
mod service;
mod worker;
