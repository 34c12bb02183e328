//! The pages, one file each.

pub(crate) mod actions;
pub(crate) mod compare;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod new_job;
pub(crate) mod operations;
pub(crate) mod selected;
pub(crate) mod sign_in;
