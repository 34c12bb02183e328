//! The HTTP face, in process: every endpoint, and every way to ask it wrongly.

mod access;
mod artifacts;
mod events;
mod face;
mod jobs;
mod keys;
mod limits;
mod requests;
mod retention;
mod trace;
mod uploads;
mod webhooks;
