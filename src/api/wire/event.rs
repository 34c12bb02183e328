//! Job events on the wire.

use schemars::JsonSchema;
use serde::Serialize;
use strum::IntoStaticStr;
use utoipa::ToSchema;

use super::job::FailureBody;
use super::time::rfc3339;
use crate::api::document::derived::derived;
use crate::job::event::{Event, NewEvent};
use crate::prune::stage::Stage;

/// An event of a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobEvent)]
pub(crate) struct EventBody {
    /// Position of the event within its job, starting at 1. Also the `id` of the server-sent event.
    #[schema(minimum = 1)]
    pub(crate) sequence: i64,
    /// Time of the event.
    #[schema(format = DateTime)]
    at: String,
    /// Type of the event.
    #[serde(rename = "type")]
    pub(crate) kind: EventType,
    /// Number of the attempt, from 1. Only for `started`.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<i64>,
    /// Stage. Only for `stage` and `progress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<Stage>,
    /// Completed units of work in the stage. Only for `progress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    /// Total units of work in the stage. Only for `progress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// Reason. Only for `failed` and, if it is known, for `requeued`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureBody>,
}

/// Type of a job event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "JobEventType")]
pub(crate) enum EventType {
    /// The job was created.
    Queued,
    /// A worker started an attempt.
    Started,
    /// A stage started.
    Stage,
    /// A stage made progress.
    Progress,
    /// Cancellation was requested.
    CancelRequested,
    /// An attempt ended without a result, and the job was requeued.
    Requeued,
    /// The job succeeded.
    Succeeded,
    /// The job failed.
    Failed,
    /// The job was canceled.
    Canceled,
    /// The deadline of the job passed.
    Expired,
}

derived!(EventType);

impl EventType {
    /// The name on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }
}

impl From<&Event> for EventBody {
    fn from(event: &Event) -> Self {
        let kind = match &event.body {
            NewEvent::Queued => EventType::Queued,
            NewEvent::Started { .. } => EventType::Started,
            NewEvent::Stage { .. } => EventType::Stage,
            NewEvent::Progress { .. } => EventType::Progress,
            NewEvent::CancelRequested => EventType::CancelRequested,
            NewEvent::Requeued { .. } => EventType::Requeued,
            NewEvent::Succeeded => EventType::Succeeded,
            NewEvent::Failed { .. } => EventType::Failed,
            NewEvent::Canceled => EventType::Canceled,
            NewEvent::Expired => EventType::Expired,
        };
        let mut body = Self {
            sequence: event.sequence,
            at: rfc3339(event.at),
            kind,
            attempt: None,
            stage: None,
            done: None,
            total: None,
            error: None,
        };
        match &event.body {
            NewEvent::Started { attempt } => body.attempt = Some(*attempt),
            NewEvent::Stage { stage } => body.stage = Some(*stage),
            NewEvent::Progress { stage, done, total } => {
                (body.stage, body.done, body.total) = (Some(*stage), Some(*done), Some(*total));
            }
            NewEvent::Requeued { failure } => body.error = failure.as_ref().map(Into::into),
            NewEvent::Failed { failure } => body.error = Some(failure.into()),
            _ => {}
        }
        body
    }
}
