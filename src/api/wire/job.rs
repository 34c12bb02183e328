//! A job on the wire.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::echo::RequestEcho;
use super::method::DeviceBody;
use super::mirror::mirror;
use super::time::rfc3339;
use crate::api::problem::ProblemCode;
use crate::artifact::health::Outage;
use crate::job::{Job, State};
use crate::prune::failure::{Code, Failure};
use crate::prune::stage::Stage;

/// A job: a recipe on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobBody {
    #[schema(example = "job_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
    pub(crate) id: String,
    #[schema(example = "job")]
    object: &'static str,
    pub(crate) state: StateBody,
    /// What a running job is doing; where it ended without a result, the stage in which that was. None while it is
    /// queued, and once it succeeded.
    stage: Option<StageBody>,
    progress: ProgressBody,
    request: RequestEcho,
    device: DeviceBody,
    #[schema(minimum = -100, maximum = 100)]
    priority: i64,
    labels: BTreeMap<String, String>,
    /// Attempts so far.
    #[schema(minimum = 0)]
    attempt: i64,
    #[schema(minimum = 1)]
    max_attempts: i64,
    /// The job that this one tries again, or prunes to another target.
    retry_of: Option<String>,
    cancel_requested: bool,
    /// What a queued job waits for besides its turn; none while nothing is away.
    waiting: Option<WaitingBody>,
    /// Why it ended without a result.
    error: Option<FailureBody>,
    /// What came of it: the content of `report.json`.
    #[schema(value_type = Option<Object>)]
    report: Option<serde_json::Value>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    started_at: Option<String>,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    #[schema(format = DateTime)]
    deadline_at: Option<String>,
    /// When its files were removed after their retention.
    #[schema(format = DateTime)]
    artifacts_expired_at: Option<String>,
    links: LinksBody,
}

mirror!(
    /// Where a job is in its life. The last four are terminal.
    StateBody of State {
        Queued,
        Running,
        Canceling,
        Succeeded,
        Failed,
        Canceled,
        Expired,
    }
);

mirror!(
    /// What a running job is doing.
    StageBody of Stage {
        Preparing,
        Planning,
        Scoring,
        Searching,
        Compensating,
        Cutting,
        Verifying,
        Publishing,
    }
);

/// How far the stage is; all done once the job succeeded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProgressBody {
    /// Units of work done.
    done: u64,
    /// Units of work in all; 0 while unknown.
    total: u64,
    /// `done / total`.
    #[schema(minimum = 0, maximum = 100)]
    percent: Option<f64>,
    /// Milliseconds until this stage ends, at the pace so far; none where the job is not running.
    #[schema(minimum = 0)]
    eta_ms: Option<i64>,
}

/// Why a job ended without a result.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailureBody {
    code: ProblemCode,
    /// What is wrong and what to do about it.
    detail: String,
    /// Whether the same request may succeed later without a change.
    retryable: bool,
    /// Where it happened.
    stage: Option<StageBody>,
}

/// A place that a queued job needs and that is away. The job goes on by itself when the place is back; that costs no attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitingBody {
    code: ProblemCode,
    /// Which place is away, and what it answered.
    detail: String,
    /// When it was first found away.
    #[schema(format = DateTime)]
    since: String,
}

/// Where to go from here.
#[derive(Debug, Serialize, ToSchema)]
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
    /// A job as it is seen at this moment (for the ETA), while the artifact store is away or not.
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
            report: job
                .report
                .as_ref()
                .and_then(|report| serde_json::to_value(report).ok()),
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

/// What the job itself has met, or else what keeps every job from being taken.
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

/// The last heartbeat's, unless the job waits or has nothing left to do.
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
        // Whatever the last heartbeat had heard of.
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
