//! Jobs on the wire.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::echo::RequestEcho;
use super::time::rfc3339;
use crate::api::document::schema;
use crate::api::problem::ProblemCode;
use crate::artifact::health::Outage;
use crate::job::{Device, Job, State};
use crate::prune::failure::{Code, Failure};
use crate::prune::report::Report;
use crate::prune::stage::Stage;

/// A pruning job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobBody {
    /// Id of the job.
    #[schema(example = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
    pub(crate) id: String,
    /// Type of this object: `job`.
    #[schema(example = "job")]
    object: &'static str,
    /// State of the job.
    pub(crate) state: State,
    /// Current stage of a running job, or the stage in which the job ended without a result. Null while the job is
    /// queued, before its first stage and after it succeeded.
    stage: Option<Stage>,
    /// Progress of the current stage.
    progress: ProgressBody,
    /// The request that created the job, with defaults filled in.
    request: RequestEcho,
    /// Device that the job runs on.
    device: Device,
    /// Priority among the jobs of the tenant. Jobs with a higher priority start first.
    #[schema(minimum = -100, maximum = 100)]
    priority: i64,
    /// Labels of the job, from the request.
    labels: BTreeMap<String, String>,
    /// Number of attempts so far: 0 before the first, 1 during the first. Attempts that end because of an outage are
    /// included here, but do not count toward `max_attempts`.
    #[schema(minimum = 0)]
    attempt: i64,
    /// Maximum number of counted attempts before the job fails with `attempts_exhausted` or the error of the last one.
    #[schema(minimum = 1)]
    max_attempts: i64,
    /// Id of the job that this job was created from by `retryJob` or `resolveJob`. Null for a job of `createJob`.
    retry_of: Option<String>,
    /// Whether a client requested cancellation while the job was active.
    cancel_requested: bool,
    /// Outage that delays a queued job. Null if there is none.
    waiting: Option<WaitingBody>,
    /// Why the job ended without a result. Null unless the state is `failed` or `expired`.
    error: Option<FailureBody>,
    #[schema(schema_with = schema::report)]
    report: Option<Report>,
    /// Creation time.
    #[schema(format = DateTime)]
    created_at: String,
    /// Start of the first attempt. Null if no attempt has started.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// Time when the job ended in any way. Null while it has not ended.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    /// Time of the deadline. Null if there is none.
    #[schema(format = DateTime)]
    deadline_at: Option<String>,
    /// Time when the artifacts were removed after their retention period. Null if they were not.
    #[schema(format = DateTime)]
    artifacts_expired_at: Option<String>,
    /// Paths of related resources.
    links: LinksBody,
}

/// Progress of the current stage.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(crate) struct ProgressBody {
    /// Completed units of work. The unit depends on the stage.
    done: u64,
    /// Total units of work. 0 while unknown.
    total: u64,
    /// `done / total` in percent, from 0 to 100. Null while `total` is unknown.
    #[schema(minimum = 0, maximum = 100)]
    percent: Option<f64>,
    /// Estimated time until the stage ends, in milliseconds. Null if unknown, and unless the job is running.
    #[schema(minimum = 0)]
    eta_ms: Option<i64>,
}

/// The error that a job or an attempt ended with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobError)]
pub(crate) struct FailureBody {
    /// Code of the error.
    code: ProblemCode,
    /// What went wrong, and how to correct it.
    detail: String,
    /// Whether the same request may succeed later without changes.
    retryable: bool,
    /// Stage in which the error occurred. Null if it occurred outside all stages.
    stage: Option<Stage>,
}

/// An outage that delays a queued job. The job continues by itself after the outage. Waiting does not count as an
/// attempt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Waiting)]
pub(crate) struct WaitingBody {
    /// `source_unavailable` or `storage_unavailable`.
    code: ProblemCode,
    /// What is unavailable, and its last response.
    detail: String,
    /// Time when the outage was first observed.
    #[schema(format = DateTime)]
    since: String,
}

/// Paths of related resources.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobLinks)]
pub(crate) struct LinksBody {
    /// Path of the job.
    #[serde(rename = "self")]
    own: String,
    /// Path of the events of the job.
    events: String,
    /// Path of the artifacts of the job.
    artifacts: String,
}

impl From<&Failure> for FailureBody {
    fn from(failure: &Failure) -> Self {
        Self {
            code: failure.code.into(),
            detail: failure.detail.clone(),
            retryable: failure.code.retryable(),
            stage: failure.stage,
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
            state: job.state,
            stage: stage(job),
            progress: progress(job, now),
            request: (&job.recipe).into(),
            device: job.device,
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
        detail: outage.error.public_message(),
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
