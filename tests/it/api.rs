//! Tests of the HTTP API, in process: every endpoint, with valid and invalid requests.

mod access;
mod artifacts;
mod events;
mod harness;
mod jobs;
mod keys;
mod limits;
mod requests;
mod retention;
mod trace;
mod uploads;
mod webhooks;
