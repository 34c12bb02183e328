//! Events of a job.

use serde::Deserialize;

use super::job::JobError;
use super::moment::Moment;
use crate::prune::stage::Stage;

/// A page of events, oldest first.
#[derive(Deserialize)]
pub(crate) struct Events {
    pub(crate) data: Vec<Event>,
    pub(crate) next_after: u64,
    pub(crate) has_more: bool,
}

/// An event.
#[derive(Deserialize)]
pub(crate) struct Event {
    pub(crate) sequence: u64,
    pub(crate) at: Moment,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) attempt: Option<u64>,
    pub(crate) stage: Option<Stage>,
    pub(crate) done: Option<u64>,
    pub(crate) total: Option<u64>,
    pub(crate) error: Option<JobError>,
}
