//! The HTTP face, in process: every endpoint, and every way to ask it wrongly.

mod artifacts;
mod events;
mod face;
mod jobs;
mod requests;
mod webhooks;
