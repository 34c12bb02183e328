//! A limit on every call of a store: whoever asks hears within it, whatever becomes of the connection.
//!
//! In: a store. Out: the same store, whose calls end in time. The calls are listed once, below: the list makes both the
//! store and [`Call`], so that no call is without a limit, and says of each transaction what it does when it is made
//! once more because its first answer was lost.

use std::time::Duration;

use async_trait::async_trait;
use strum::{IntoStaticStr, VariantArray};

use super::audit::AuditLog;
use super::keys::KeyStore;
use super::retention::Expiry;
use super::webhooks::WebhookStore;
use super::{
    Created, Heartbeat, IdempotencyKey, JobFilter, JobStore, Outcome, QueueDepth, StoreError,
};
use crate::artifact::manifest::Manifest;
use crate::job::audit::{Deed, Entry};
use crate::job::event::{Event, NewEvent};
use crate::job::key::{ApiKey, FreshKey, KeyId, NewKey, StoredKey};
use crate::job::queue::{Claimer, Device, Quota};
use crate::job::webhook::{Delivery, DeliveryId, Due, NewWebhook, Tried, Webhook, WebhookId};
use crate::job::{Job, JobId, Lease, NewJob, Scope, UnixMs};
use crate::prune::stage::Stage;

/// A call is given up after so long. Longer than a database lets a statement run, so that it can say why.
pub const CALL_LIMIT: Duration = Duration::from_secs(20);

/// What a store does when a call of it has failed.
pub trait Heed: Send + Sync {
    /// A call has failed in this way.
    fn heed(&self, _error: &StoreError) {}
}

/// A store, and how long its calls may take.
pub struct Bounded<S> {
    inner: S,
    limit: Duration,
}

impl<S> Bounded<S> {
    /// The store, with [`CALL_LIMIT`].
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            limit: CALL_LIMIT,
        }
    }

    /// The store without a limit, for what is no call of it.
    pub(super) fn inner(&self) -> &S {
        &self.inner
    }

    /// The same store with another limit.
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
                format!("{} was not answered within {:?}", call.as_str(), self.limit).into(),
            )),
        };
        answer.map_err(|error| {
            self.inner.heed(&error);
            match error {
                // What only reads has changed nothing.
                StoreError::Unanswered(why) if !call.writes() => StoreError::Unavailable(why),
                error => error,
            }
        })
    }
}

macro_rules! bounded {
    ($($store:ident { $($kind:ident $call:ident = $method:ident($($name:ident: $type:ty),*) -> $answer:ty $(=> $again:literal)?;)+ })+) => {
        /// A call of a store.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
        #[strum(serialize_all = "snake_case")]
        pub enum Call {
            $($(
                #[doc = concat!("[`", stringify!($store), "::", stringify!($method), "`]. ", $("Once more: ", $again)?)]
                $call,
            )+)+
        }

        impl Call {
            /// Whether it may change what is kept.
            #[must_use]
            pub fn writes(self) -> bool {
                match self { $($(Self::$call => bounded!(@$kind),)+)+ }
            }

            /// Its name.
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
        writes Create = create(job: NewJob, key: Option<IdempotencyKey>, quota: Quota) -> Created => "With the same key it answers the job that was made; without one it makes a second.";
        reads Get = get(scope: &Scope, id: JobId) -> Job;
        reads List = list(scope: &Scope, filter: &JobFilter, before: Option<JobId>, limit: usize) -> (Vec<Job>, bool);
        writes RequestCancel = request_cancel(scope: &Scope, id: JobId) -> Job => "Changes nothing more.";
        writes Delete = delete(scope: &Scope, id: JobId) -> Option<Manifest> => "Answers that there is no such job; its files were removed before it.";
        reads Manifest = manifest(scope: &Scope, id: JobId) -> Option<Manifest>;
        reads Events = events(scope: &Scope, id: JobId, after: i64, limit: usize) -> Vec<Event>;
        writes Claim = claim(claimer: &Claimer) -> Option<(Job, Lease)> => "Takes another job. Who did not hear the answer asks for what it holds first (`claimed`).";
        writes Claimed = claimed(claimer: &Claimer) -> Option<(Job, Lease)> => "Answers the same job, its lease begun anew.";
        reads HasClaimable = has_claimable(claimer: &Claimer) -> bool;
        writes ToLookFor = to_look_for(device: Device, limit: usize, hold_ms: i64) -> Vec<Job> => "Answers others: who looks has the first ones for a moment, then anybody.";
        writes Resume = resume(id: JobId) -> () => "Changes nothing more.";
        writes Heartbeat = heartbeat(lease: &Lease, stage: Option<Stage>, done: u64, total: u64, lease_ms: i64) -> Heartbeat => "Renews the lease once more.";
        writes Record = record(lease: &Lease, event: NewEvent) -> () => "Adds the event a second time; workers do not repeat it.";
        writes Finish = finish(lease: &Lease, outcome: Outcome) -> Job => "Answers the job as it ended: the same end of the same attempt is one end.";
        writes Sweep = sweep() -> u64 => "Ends what is still there to end.";
        reads Depth = depth() -> QueueDepth;
        reads Clock = clock() -> UnixMs;
        reads Ping = ping() -> ();
    }
    KeyStore {
        writes CreateKey = create_key(new: NewKey, fresh: &FreshKey) -> ApiKey => "Is refused for the same secret; a caller who asks again has another key, and revokes the one whose secret it never saw.";
        reads Key = key(id: KeyId) -> Option<StoredKey>;
        reads ListKeys = list_keys(scope: &Scope, before: Option<KeyId>, limit: usize) -> (Vec<ApiKey>, bool);
        writes RevokeKey = revoke_key(scope: &Scope, id: KeyId) -> Option<ApiKey> => "Changes nothing more.";
        writes NoteUse = note_use(id: KeyId) -> () => "Changes nothing within a minute.";
    }
    AuditLog {
        writes RecordDeed = record_deed(deed: Deed) -> () => "Adds the entry a second time.";
        reads Deeds = deeds(scope: &Scope, before: Option<i64>, limit: usize) -> (Vec<Entry>, bool);
        writes ForgetDeeds = forget_deeds(age_ms: i64) -> u64 => "Forgets what is still there.";
    }
    Expiry {
        reads WithOldFiles = with_old_files(age_ms: i64, limit: usize) -> Vec<JobId>;
        writes NoteFilesRemoved = note_files_removed(id: JobId) -> () => "Changes nothing more.";
        reads EndedLongAgo = ended_long_ago(age_ms: i64, limit: usize) -> Vec<JobId>;
    }
    WebhookStore {
        writes AddWebhook = add_webhook(new: NewWebhook) -> Webhook => "Adds a second receiver; its caller finds both in the list.";
        reads Webhooks = webhooks(scope: &Scope) -> Vec<Webhook>;
        reads Webhook = webhook(scope: &Scope, id: WebhookId) -> Webhook;
        writes EnableWebhook = enable_webhook(scope: &Scope, id: WebhookId, enabled: bool) -> Webhook => "Changes nothing more.";
        writes RemoveWebhook = remove_webhook(scope: &Scope, id: WebhookId) -> () => "Answers that there is no such receiver.";
        writes TestWebhook = test_webhook(scope: &Scope, id: WebhookId) -> Delivery => "Writes a second test.";
        reads Deliveries = deliveries(scope: &Scope, webhook: WebhookId, before: Option<DeliveryId>, limit: usize) -> (Vec<Delivery>, bool);
        writes Redeliver = redeliver(scope: &Scope, webhook: WebhookId, delivery: DeliveryId) -> Delivery => "Changes nothing more.";
        writes DueDeliveries = due_deliveries(limit: usize, hold_ms: i64) -> Vec<Due> => "Answers others: the first ones are due again a minute later, so that a receiver may be told twice.";
        writes SettleDelivery = settle_delivery(delivery: DeliveryId, tried: Tried, random: f64) -> () => "Counts the try a second time; couriers do not repeat it, and the receiver is told again.";
        writes SweepDeliveries = sweep_deliveries(older_than_ms: i64) -> u64 => "Forgets what is still there.";
    }
}
