//! What the dashboard reads of the API's responses.

pub(crate) mod artifact;
pub(crate) mod audit;
pub(crate) mod counts;
pub(crate) mod dataset;
pub(crate) mod estimate;
pub(crate) mod event;
pub(crate) mod frontier;
pub(crate) mod job;
pub(crate) mod keep_map;
pub(crate) mod key;
pub(crate) mod moment;
pub(crate) mod problem;
pub(crate) mod upload;
pub(crate) mod webhook;
pub(crate) mod worker;
