//! Jobs.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::moment::Moment;
use crate::job::State;
use crate::prune::report::Report;
use crate::prune::stage::Stage;

/// A page of jobs.
#[derive(Deserialize)]
pub(crate) struct Jobs {
    pub(crate) data: Vec<Job>,
    pub(crate) next_cursor: Option<String>,
}

/// A job.
#[derive(Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) stage: Option<Stage>,
    pub(crate) progress: Progress,
    pub(crate) request: Request,
    pub(crate) device: String,
    pub(crate) priority: i64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) attempt: u64,
    pub(crate) max_attempts: u64,
    pub(crate) retry_of: Option<String>,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) error: Option<JobError>,
    pub(crate) report: Option<Report>,
    pub(crate) created_at: Moment,
    pub(crate) started_at: Option<Moment>,
    pub(crate) finished_at: Option<Moment>,
    pub(crate) deadline_at: Option<Moment>,
    pub(crate) artifacts_expired_at: Option<Moment>,
}

/// Progress of the current stage.
#[derive(Deserialize)]
pub(crate) struct Progress {
    pub(crate) done: u64,
    pub(crate) total: u64,
    pub(crate) percent: Option<f64>,
    pub(crate) eta_ms: Option<u64>,
}

/// The request of a job. The rest is shown as it is.
#[derive(Deserialize)]
pub(crate) struct Request {
    pub(crate) model: Source,
    pub(crate) calibration: Source,
    pub(crate) evaluation: Option<Source>,
    pub(crate) target: Target,
    #[serde(flatten)]
    pub(crate) rest: serde_json::Map<String, Value>,
}

/// A model or a dataset.
#[derive(Deserialize)]
pub(crate) struct Source {
    pub(crate) uri: String,
    #[serde(flatten)]
    pub(crate) rest: serde_json::Map<String, Value>,
}

/// The size of the pruned model.
#[derive(Deserialize)]
pub(crate) struct Target {
    pub(crate) metric: String,
    pub(crate) value: String,
    pub(crate) tolerance: String,
}

/// What a queued job waits for.
#[derive(Deserialize)]
pub(crate) struct Waiting {
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) since: Moment,
}

/// The position of a queued job.
#[derive(Deserialize)]
pub(crate) struct Position {
    pub(crate) ahead: u64,
    pub(crate) running: u64,
    pub(crate) workers: u64,
}

/// Why a job or an attempt has ended without a result.
#[derive(Deserialize)]
pub(crate) struct JobError {
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) retryable: bool,
    pub(crate) stage: Option<Stage>,
}

impl Job {
    /// The name of the model: the last part of its URI.
    pub(crate) fn model_name(&self) -> &str {
        let uri = self.request.model.uri.trim_end_matches('/');
        let (_, path) = uri.split_once("://").unwrap_or(("", uri));
        // The last two parts: the last one alone is often just `model`.
        let mut ends = path.rmatch_indices('/').map(|(at, _)| at);
        match ends.nth(1) {
            Some(at) => &path[at + 1..],
            None => path.trim_start_matches('/'),
        }
    }
}
