//! Jobs on the wire.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::echo::RequestEcho;
use super::method::DeviceBody;
use super::mirror::mirror;
use super::time::rfc3339;
use crate::api::document::schema;
use crate::api::problem::ProblemCode;
use crate::artifact::health::Outage;
use crate::job::{Job, State};
use crate::prune::failure::{Code, Failure};
use crate::prune::report::Report;
use crate::prune::stage::Stage;

/// A pruning job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobBody {
    #[schema(example = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
    pub(crate) id: String,
    #[schema(example = "job")]
    object: &'static str,
    pub(crate) state: StateBody,
    /// Current stage of a running job, or the stage in which the job ended without a result. Null while the job is queued
    /// and after it succeeded.
    stage: Option<StageBody>,
    progress: ProgressBody,
    request: RequestEcho,
    device: DeviceBody,
    #[schema(minimum = -100, maximum = 100)]
    priority: i64,
    labels: BTreeMap<String, String>,
    /// Number of attempts so far.
    #[schema(minimum = 0)]
    attempt: i64,
    #[schema(minimum = 1)]
    max_attempts: i64,
    /// Id of the job that this one retries or resolves.
    retry_of: Option<String>,
    cancel_requested: bool,
    /// Outage that a queued job waits for. Null if there is none.
    waiting: Option<WaitingBody>,
    /// Why the job ended without a result.
    error: Option<FailureBody>,
    #[schema(schema_with = schema::report)]
    report: Option<Report>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    started_at: Option<String>,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    #[schema(format = DateTime)]
    deadline_at: Option<String>,
    /// When the artifacts were removed because their retention period was over.
    #[schema(format = DateTime)]
    artifacts_expired_at: Option<String>,
    links: LinksBody,
}

mirror!(
    /// State of a job. The last four are terminal.
    StateBody of State as "JobState" {
        /// Waits for a worker.
        Queued,
        /// A worker runs the job.
        Running,
        /// The job was canceled while it ran, and stops soon.
        Canceling,
        /// The result is available.
        Succeeded,
        /// The job failed; `error` has the reason.
        Failed,
        /// The job was canceled.
        Canceled,
        /// The deadline passed before the job succeeded.
        Expired,
    }
);

mirror!(
    /// Stage of a running job.
    StageBody of Stage as "Stage" {
        /// Reads the model and the data.
        Preparing,
        /// Measures the costs of all units.
        Planning,
        /// Scores every unit.
        Scoring,
        /// Selects the units to keep.
        Searching,
        /// Repairs the remaining weights.
        Compensating,
        /// Writes the pruned model.
        Cutting,
        /// Compares the pruned model with the original.
        Verifying,
        /// Stores the artifacts.
        Publishing,
    }
);

/// Progress of the current stage.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(crate) struct ProgressBody {
    /// Completed units of work.
    done: u64,
    /// Total units of work; 0 while unknown.
    total: u64,
    /// `done / total` in percent. Null while `total` is unknown.
    #[schema(minimum = 0, maximum = 100)]
    percent: Option<f64>,
    /// Estimated time until the stage ends, in milliseconds. Null unless the job is running.
    #[schema(minimum = 0)]
    eta_ms: Option<i64>,
}

/// The error that a job ended with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobError)]
pub(crate) struct FailureBody {
    code: ProblemCode,
    /// What went wrong, and how to correct it.
    detail: String,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// Stage in which the job ended.
    stage: Option<StageBody>,
}

/// An outage that a queued job waits for. The job continues by itself after the outage. Waiting does not count as an attempt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Waiting)]
pub(crate) struct WaitingBody {
    code: ProblemCode,
    /// What is unavailable, and its last response.
    detail: String,
    /// When the outage was first observed.
    #[schema(format = DateTime)]
    since: String,
}

/// Paths of related resources.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobLinks)]
pub(crate) struct LinksBody {
    #[serde(rename = "self")]
    own: String,
    events: String,
    artifacts: String,
}

impl From<&Failure> for FailureBody {
    fn from(failure: &Failure) -> Self {
        Self {
            code: failure.code.into(),
            detail: failure.detail.clone(),
            retryable: failure.code.retryable(),
            stage: failure.stage.map(Into::into),
        }
    }
}

impl JobBody {
    /// Converts a job, with the ETA at `now` and the outage of the artifact store, if there is one.
    pub(crate) fn new(job: &Job, outage: Option<&Outage>, now: i64) -> Self {
        let own = format!("/v1/jobs/{}", job.id);
        Self {
            id: job.id.to_string(),
            object: "job",
            state: job.state.into(),
            stage: stage(job).map(Into::into),
            progress: progress(job, now),
            request: (&job.recipe).into(),
            device: job.device.into(),
            priority: job.priority,
            labels: job.labels.clone(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            retry_of: job.retry_of.map(|id| id.to_string()),
            cancel_requested: job.cancel_requested,
            waiting: waiting(job, outage),
            error: job.failure.as_ref().map(Into::into),
            report: job.report.clone(),
            created_at: rfc3339(job.created_at),
            started_at: job.started_at.map(rfc3339),
            finished_at: job.finished_at.map(rfc3339),
            deadline_at: job.deadline_at.map(rfc3339),
            artifacts_expired_at: job.artifacts_removed_at.map(rfc3339),
            links: LinksBody {
                events: format!("{own}/events"),
                artifacts: format!("{own}/artifacts"),
                own,
            },
        }
    }
}

/// The job's own outage, or else the outage that keeps every job from being claimed.
fn waiting(job: &Job, outage: Option<&Outage>) -> Option<WaitingBody> {
    if job.state != State::Queued {
        return None;
    }
    let own = job.waiting.as_ref();
    let own = own.filter(|waiting| waiting.back_at.is_none());
    let own = own.map(|waiting| WaitingBody {
        code: waiting.failure.code.into(),
        detail: waiting.failure.detail.clone(),
        since: rfc3339(waiting.since),
    });
    let store = outage.map(|outage| WaitingBody {
        code: Code::StorageUnavailable.into(),
        detail: outage.error.told(),
        since: rfc3339(outage.since_ms),
    });
    own.or(store)
}

/// Stage of the last heartbeat, unless the job is queued or succeeded.
fn stage(job: &Job) -> Option<Stage> {
    match job.state {
        State::Queued | State::Succeeded => None,
        State::Running | State::Canceling | State::Failed | State::Canceled | State::Expired => {
            job.stage
        }
    }
}

fn progress(job: &Job, now: i64) -> ProgressBody {
    let (mut done, mut total) = (job.progress.done, job.progress.total);
    if job.state == State::Succeeded {
        // The last heartbeat was sent before the end.
        total = total.max(1);
        done = total;
    }
    let share = (total > 0).then(|| done as f64 / total as f64);
    let runs = matches!(job.state, State::Running | State::Canceling);
    let eta_ms = match (share, job.progress.since) {
        (Some(share), Some(since)) if share > 0.0 && runs => {
            let spent = (now - since).max(0) as f64;
            Some((spent * (1.0 - share) / share) as i64)
        }
        _ => None,
    };
    ProgressBody {
        done,
        total,
        percent: share.map(|share| (share * 1e4).round() / 1e2),
        eta_ms,
    }
}
