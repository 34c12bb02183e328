//! A timeout for every call of a store, so that callers get a result even if the connection hangs.
//!
//! [`Bounded`] wraps a store. The list of calls in this file generates both the trait implementations and [`Call`], so
//! no call can lack a timeout. For each write, the list also says what happens if the call is repeated because the
//! first response was lost.

use std::time::Duration;

use async_trait::async_trait;
use strum::{IntoStaticStr, VariantArray};

use super::audit::AuditLog;
use super::keys::KeyStore;
use super::retention::Expiry;
use super::webhooks::{Busy, WebhookStore};
use super::{
    Created, Heartbeat, IdempotencyKey, JobFilter, JobStore, Outcome, QueueDepth, StoreError,
};
use crate::artifact::manifest::Manifest;
use crate::job::audit::{Deed, Entry};
use crate::job::event::{Event, NewEvent};
use crate::job::key::{ApiKey, FreshKey, KeyId, NewKey, StoredKey};
use crate::job::queue::{Claimer, Crew, Device, HeldLease, Position, Quota, SeenCrew};
use crate::job::webhook::{Delivery, DeliveryId, Due, NewWebhook, Tried, Webhook, WebhookId};
use crate::job::{Job, JobId, Lease, NewJob, Scope, State, UnixMs};
use crate::prune::stage::Stage;

/// Timeout of a call. It is longer than the statement timeout of the database, so that the database can report the
/// cause.
pub const CALL_LIMIT: Duration = Duration::from_secs(20);

/// Reaction of a store to its failed calls.
pub trait Heed: Send + Sync {
    /// Is called after each failed call.
    fn observe(&self, _error: &StoreError) {}
}

/// A store whose calls have a timeout.
pub struct Bounded<S> {
    inner: S,
    limit: Duration,
}

impl<S> Bounded<S> {
    /// Wraps a store with the timeout [`CALL_LIMIT`].
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            limit: CALL_LIMIT,
        }
    }

    /// Returns the wrapped store, for operations other than its calls.
    pub(super) fn inner(&self) -> &S {
        &self.inner
    }

    /// Returns the same store with another timeout.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }
}

impl<S: Heed> Bounded<S> {
    async fn answered<T>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answer = match tokio::time::timeout(self.limit, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::Unanswered(
                format!("no response to {} within {:?}", call.as_str(), self.limit).into(),
            )),
        };
        answer.map_err(|error| {
            self.inner.observe(&error);
            match error {
                // A call that only reads has changed nothing.
                StoreError::Unanswered(why) if !call.writes() => StoreError::Unavailable(why),
                error => error,
            }
        })
    }
}

macro_rules! bounded {
    ($($store:ident { $($kind:ident $call:ident = $method:ident($($name:ident: $type:ty),*) -> $answer:ty $(=> $again:literal)?;)+ })+) => {
        /// A call of a store. The documentation of a write says what happens if it is repeated because the first
        /// response was lost.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
        #[strum(serialize_all = "snake_case")]
        pub enum Call {
            $($(
                #[doc = concat!("[`", stringify!($store), "::", stringify!($method), "`]. ", $("If repeated: ", $again)?)]
                $call,
            )+)+
        }

        impl Call {
            /// Returns whether the call may change stored data.
            #[must_use]
            pub fn writes(self) -> bool {
                match self { $($(Self::$call => bounded!(@$kind),)+)+ }
            }

            /// Returns the name of the call.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                self.into()
            }
        }

        $(
            #[async_trait]
            impl<S: $store + Heed> $store for Bounded<S> {
                $(
                    async fn $method(&self, $($name: $type),*) -> Result<$answer, StoreError> {
                        self.answered(Call::$call, self.inner.$method($($name),*)).await
                    }
                )+
            }
        )+
    };
    (@reads) => { false };
    (@writes) => { true };
}

bounded! {
    JobStore {
        writes Create = create(job: NewJob, key: Option<IdempotencyKey>, quota: Quota) -> Created => "with the same idempotency key it returns the created job; without a key it creates a second job.";
        reads Get = get(scope: &Scope, id: JobId) -> Job;
        reads List = list(scope: &Scope, filter: &JobFilter, before: Option<JobId>, limit: usize) -> (Vec<Job>, bool);
        reads Counts = counts(scope: &Scope, filter: &JobFilter) -> Vec<(State, i64)>;
        writes RequestCancel = request_cancel(scope: &Scope, id: JobId) -> Job => "changes nothing.";
        writes Delete = delete(scope: &Scope, id: JobId) -> Option<Manifest> => "returns `NotFound`. The files were removed before the first call.";
        reads Manifest = manifest(scope: &Scope, id: JobId) -> Option<Manifest>;
        reads Events = events(scope: &Scope, id: JobId, after: i64, limit: usize) -> Vec<Event>;
        writes Claim = claim(claimer: &Claimer) -> Option<(Job, Lease)> => "claims another job. So after a lost response, a worker first calls `claimed`.";
        writes Claimed = claimed(claimer: &Claimer) -> Option<(Job, Lease)> => "returns the same job and renews its lease again.";
        reads HasClaimable = has_claimable(claimer: &Claimer) -> bool;
        writes NoteCrew = note_crew(crew: &Crew) -> () => "changes nothing.";
        reads AtWork = at_work(scope: &Scope) -> (Vec<SeenCrew>, Vec<HeldLease>);
        reads Position = position(job: &Job) -> Position;
        writes ToLookFor = to_look_for(device: Device, limit: usize, hold_ms: i64) -> Vec<Job> => "returns other jobs; the first ones are returned again after `hold_ms`.";
        writes Resume = resume(id: JobId) -> () => "changes nothing.";
        writes Heartbeat = heartbeat(lease: &Lease, stage: Option<Stage>, done: u64, total: u64, lease_ms: i64) -> Heartbeat => "renews the lease again.";
        writes Record = record(lease: &Lease, event: NewEvent) -> () => "adds the event a second time; workers do not repeat this call.";
        writes Finish = finish(lease: &Lease, outcome: Outcome) -> Job => "returns the job, and changes nothing if the outcome is the same.";
        writes Sweep = sweep() -> u64 => "ends the jobs that remain to be ended.";
        reads Depth = depth() -> QueueDepth;
        reads Clock = clock() -> UnixMs;
        reads Ping = ping() -> ();
    }
    KeyStore {
        writes CreateKey = create_key(new: NewKey, fresh: &FreshKey) -> ApiKey => "fails for the same secret. A client that repeats its request gets another key, and revokes the one whose secret it never received.";
        reads Key = key(id: KeyId) -> Option<StoredKey>;
        reads ListKeys = list_keys(scope: &Scope, before: Option<KeyId>, limit: usize) -> (Vec<ApiKey>, bool);
        writes RevokeKey = revoke_key(scope: &Scope, id: KeyId) -> Option<ApiKey> => "changes nothing.";
        writes NoteUse = note_use(id: KeyId) -> () => "changes nothing within a minute.";
    }
    AuditLog {
        writes RecordDeed = record_deed(deed: Deed) -> () => "adds the entry a second time.";
        reads Deeds = deeds(scope: &Scope, before: Option<i64>, limit: usize) -> (Vec<Entry>, bool);
        writes ForgetDeeds = forget_deeds(age_ms: i64) -> u64 => "deletes the rows that remain to be deleted.";
    }
    Expiry {
        reads WithOldFiles = with_old_files(age_ms: i64, limit: usize) -> Vec<JobId>;
        writes NoteFilesRemoved = note_files_removed(id: JobId) -> () => "changes nothing.";
        reads EndedLongAgo = ended_long_ago(age_ms: i64, limit: usize) -> Vec<JobId>;
    }
    WebhookStore {
        writes AddWebhook = add_webhook(new: NewWebhook) -> Webhook => "adds a second webhook; the client finds both in the list.";
        writes SecretKeyId = secret_key_id(id: &str) -> String => "returns the same id.";
        writes ReplaceSecret = replace_secret(id: WebhookId, from: &str, to: &str) -> () => "changes nothing.";
        reads Webhooks = webhooks(scope: &Scope) -> Vec<Webhook>;
        reads Webhook = webhook(scope: &Scope, id: WebhookId) -> Webhook;
        writes EnableWebhook = enable_webhook(scope: &Scope, id: WebhookId, enabled: bool) -> Webhook => "changes nothing.";
        writes RemoveWebhook = remove_webhook(scope: &Scope, id: WebhookId) -> () => "returns `Missing`.";
        writes TestWebhook = test_webhook(scope: &Scope, id: WebhookId) -> Delivery => "writes a second test.";
        reads Deliveries = deliveries(scope: &Scope, webhook: WebhookId, before: Option<DeliveryId>, limit: usize) -> (Vec<Delivery>, bool);
        writes Redeliver = redeliver(scope: &Scope, webhook: WebhookId, delivery: DeliveryId) -> Delivery => "changes nothing, unless the delivery was tried in between.";
        writes DueDeliveries = due_deliveries(limit: usize, hold_ms: i64, busy: &Busy) -> Vec<Due> => "returns other deliveries. The first ones are due again after `hold_ms`, so a webhook may receive a message twice.";
        writes SettleDelivery = settle_delivery(delivery: DeliveryId, tried: Tried, random: f64) -> () => "counts the try a second time. Couriers do not repeat this call; instead the message is delivered again.";
        writes SweepDeliveries = sweep_deliveries(older_than_ms: i64) -> u64 => "deletes the rows that remain to be deleted.";
    }
}
