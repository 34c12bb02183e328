//! The documents on the wire, and how they become what the house works with.

pub(super) mod constraints;
pub(super) mod create;
pub(in crate::api) mod duration;
pub(super) mod echo;
pub(super) mod event;
pub(super) mod job;
pub(super) mod key;
pub(super) mod method;
mod mirror;
pub(super) mod plan;
pub(super) mod time;
