//! An event of a job's history on the wire.

use serde::Serialize;
use strum::IntoStaticStr;
use utoipa::ToSchema;

use super::job::{FailureBody, StageBody};
use super::time::rfc3339;
use crate::job::event::{Event, NewEvent};

/// One entry of a job's history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventBody {
    /// Grows by one within a job, from 1; the `id` of a server-sent event.
    #[schema(minimum = 1)]
    pub(crate) sequence: i64,
    #[schema(format = DateTime)]
    at: String,
    /// What happened.
    #[serde(rename = "type")]
    pub(crate) kind: EventType,
    /// The attempt that began (`started`).
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<i64>,
    /// The stage that began or went on (`stage`, `progress`).
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<StageBody>,
    /// Units of work done (`progress`).
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    /// Units of work in all (`progress`).
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// Why (`requeued`, `failed`).
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FailureBody>,
}

/// What happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventType {
    /// The job was accepted.
    Queued,
    /// A worker took it.
    Started,
    /// A stage began.
    Stage,
    /// A stage went on.
    Progress,
    /// Someone asked to stop.
    CancelRequested,
    /// An attempt ended without a result and the job is queued again.
    Requeued,
    /// The job ended with a result.
    Succeeded,
    /// The job ended without one.
    Failed,
    /// The job ended because someone asked.
    Canceled,
    /// The job ended because its deadline passed.
    Expired,
}

impl EventType {
    /// The word on the wire.
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
            NewEvent::Stage { stage } => body.stage = Some((*stage).into()),
            NewEvent::Progress { stage, done, total } => {
                (body.stage, body.done, body.total) =
                    (Some((*stage).into()), Some(*done), Some(*total));
            }
            NewEvent::Requeued { failure } => body.error = failure.as_ref().map(Into::into),
            NewEvent::Failed { failure } => body.error = Some(failure.into()),
            _ => {}
        }
        body
    }
}
