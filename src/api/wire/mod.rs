//! Request and response bodies, and their conversions to and from the types of the core.

pub(super) mod create;
pub(in crate::api) mod duration;
pub(super) mod echo;
pub(super) mod event;
pub(super) mod job;
pub(super) mod key;
pub(super) mod plan;
pub(super) mod time;
