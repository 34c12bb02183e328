//! Tests of the HTTP API, in process: every endpoint, with valid and invalid requests.

mod access;
mod artifacts;
mod conditional;
mod connections;
mod datasets;
mod events;
pub mod harness;
mod jobs;
mod keys;
mod limits;
mod queue;
mod requests;
mod resolve;
mod resume;
mod retention;
mod service;
mod trace;
mod uploads;
mod webhooks;
