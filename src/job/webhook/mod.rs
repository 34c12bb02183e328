//! Who is told of a tenant's jobs, and what they are told.
//!
//! An outbox: what is to be told is written in the transaction of what it tells of, so that nothing is told
//! that did not happen and nothing that happened goes untold. It is delivered at least once; a receiver
//! knows a repetition by its id. The form is that of Standard Webhooks (standardwebhooks.com).

pub mod address;
pub mod id;
pub mod schedule;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::event::NewEvent;
use super::{Job, State, TenantId, UnixMs};
use crate::prune::failure::Code;
pub use id::{DeliveryId, WebhookId};

/// One receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its name.
    pub id: WebhookId,
    /// Whose jobs it hears of.
    pub tenant: TenantId,
    /// Where it is.
    pub url: String,
    /// What deliveries are signed with, `whsec_` and base64.
    pub secret: String,
    /// What it wants to hear of.
    pub events: Vec<Topic>,
    /// Whether it is told anything.
    pub enabled: bool,
    /// When it was made.
    pub created_at: UnixMs,
}

/// A receiver as it is handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    /// Whose jobs it hears of.
    pub tenant: TenantId,
    /// Where it is.
    pub url: String,
    /// What deliveries are signed with.
    pub secret: String,
    /// What it wants to hear of.
    pub events: Vec<Topic>,
}

/// What a receiver can hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Topic {
    /// A worker took a job.
    #[serde(rename = "job.started")]
    Started,
    /// A job ended with a result.
    #[serde(rename = "job.succeeded")]
    Succeeded,
    /// A job ended without one.
    #[serde(rename = "job.failed")]
    Failed,
    /// A job ended because someone asked.
    #[serde(rename = "job.canceled")]
    Canceled,
    /// A job ended because its deadline passed.
    #[serde(rename = "job.expired")]
    Expired,
    /// Someone asked whether deliveries arrive.
    #[serde(rename = "webhook.test")]
    Test,
}

impl Topic {
    /// What a receiver hears of when it does not say: every end.
    pub const ENDS: [Self; 4] = [Self::Succeeded, Self::Failed, Self::Canceled, Self::Expired];

    /// The topic of an event, if receivers can hear of it.
    #[must_use]
    pub fn of(event: &NewEvent) -> Option<Self> {
        match event {
            NewEvent::Started { .. } => Some(Self::Started),
            NewEvent::Succeeded => Some(Self::Succeeded),
            NewEvent::Failed { .. } => Some(Self::Failed),
            NewEvent::Canceled => Some(Self::Canceled),
            NewEvent::Expired => Some(Self::Expired),
            NewEvent::Queued
            | NewEvent::Stage { .. }
            | NewEvent::Progress { .. }
            | NewEvent::CancelRequested
            | NewEvent::Requeued { .. } => None,
        }
    }

    /// The topic as it is written in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "job.started",
            Self::Succeeded => "job.succeeded",
            Self::Failed => "job.failed",
            Self::Canceled => "job.canceled",
            Self::Expired => "job.expired",
            Self::Test => "webhook.test",
        }
    }
}

/// What is told: thin, for a receiver asks for the rest with its own key.
#[derive(Serialize, JsonSchema)]
pub struct Payload {
    /// Type of the event.
    #[serde(rename = "type")]
    topic: Topic,
    /// Time of the event.
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    /// Content of the event.
    data: Data,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Data {
    /// Data of an event of a job.
    #[schemars(title = "JobEventData")]
    Job {
        /// Id of the job.
        job: String,
        /// State of the job.
        state: State,
        /// Number of attempts so far.
        attempt: i64,
        /// Labels of the job.
        labels: BTreeMap<String, String>,
        /// Code of the error that the job ended with: a `ProblemCode`.
        #[schemars(with = "String")]
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<Code>,
    },
    /// Data of a test event.
    #[schemars(title = "TestEventData")]
    Test {
        /// Id of the webhook.
        webhook: String,
    },
}

/// The body that tells of a job.
#[must_use]
pub fn told_of(job: &Job, topic: Topic, at: UnixMs) -> serde_json::Value {
    written(
        topic,
        at,
        Data::Job {
            job: job.id.to_string(),
            state: job.state,
            attempt: job.attempt,
            labels: job.labels.clone(),
            code: job.failure.as_ref().map(|failure| failure.code),
        },
    )
}

/// The body of a test.
#[must_use]
pub fn test(webhook: WebhookId, at: UnixMs) -> serde_json::Value {
    written(
        Topic::Test,
        at,
        Data::Test {
            webhook: webhook.to_string(),
        },
    )
}

fn written(topic: Topic, at: UnixMs, data: Data) -> serde_json::Value {
    let timestamp = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    serde_json::json!(Payload {
        topic,
        timestamp: timestamp.to_string(),
        data,
    })
}

/// Something on its way to a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its name; the same in every try.
    pub id: DeliveryId,
    /// To whom.
    pub webhook: WebhookId,
    /// Of what it tells.
    pub topic: String,
    /// What it says.
    pub body: serde_json::Value,
    /// Where it is.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: i64,
    /// When the next try is due.
    pub next_at: Option<UnixMs>,
    /// The HTTP status of the last try.
    pub last_status: Option<i64>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was written.
    pub created_at: UnixMs,
    /// When it arrived, or was given up.
    pub ended_at: Option<UnixMs>,
}

/// Where a delivery is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// A try is to come.
    Pending,
    /// It arrived.
    Delivered,
    /// Every try failed.
    Failed,
}

impl DeliveryState {
    /// The state as it is written in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A delivery that is due, with what a try needs to know of its receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// What to deliver.
    pub delivery: Delivery,
    /// Where to.
    pub url: String,
    /// What to sign with.
    pub secret: String,
}

/// How a try went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The receiver took it, with this status.
    Delivered(u16),
    /// It did not; another try may be worth it.
    Failed {
        /// The HTTP status, where there was an answer.
        status: Option<u16>,
        /// What went wrong.
        error: String,
    },
    /// The receiver is gone for good (410): it is told nothing more.
    Gone,
}
