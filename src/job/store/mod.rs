//! Where jobs live, as a trait: every store shows the same behaviour, which
//! `tests/it/job_store.rs` states as a list.

use async_trait::async_trait;

use super::event::{Event, NewEvent};
use super::queue::{Claimer, Device, Quota};
use super::tenant::Scope;
use super::{Job, JobId, Lease, NewJob, State, UnixMs};
use crate::artifact::manifest::Manifest;
use crate::prune::failure::Failure;
use crate::prune::report::Report;
use crate::prune::stage::Stage;

pub mod audit;
pub mod bounded;
mod column;
pub mod database;
pub mod keys;
pub mod postgres;
pub mod retention;
mod schema;
pub mod sqlite;
pub mod webhooks;

/// A replay of an idempotency key is recognised for so long.
pub(crate) const KEY_LIFETIME_MS: i64 = 24 * 60 * 60 * 1_000;

/// All that a service keeps in its database; whoever shows the parts is one.
pub trait Store:
    JobStore + keys::KeyStore + audit::AuditLog + retention::Expiry + webhooks::WebhookStore
{
}

impl<S> Store for S where
    S: JobStore + keys::KeyStore + audit::AuditLog + retention::Expiry + webhooks::WebhookStore
{
}

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such job.
    #[error("there is no job {0}")]
    NotFound(JobId),
    /// The job is in a state that does not allow this.
    #[error("the job is {}; {needed}", state.as_str())]
    Conflict {
        /// The state it is in.
        state: State,
        /// What the call needs.
        needed: &'static str,
    },
    /// The same idempotency key came with another body.
    #[error("this Idempotency-Key was used with another request body within the last 24 hours")]
    KeyReused,
    /// The tenant has as many jobs in the queue as it may have.
    #[error(
        "{most} jobs are waiting already, as many as one tenant may have; wait until some have run, or cancel some"
    )]
    QuotaExceeded {
        /// How many that is.
        most: i64,
    },
    /// No such thing.
    #[error("there is no {0}")]
    Missing(String),
    /// There are as many as there may be.
    #[error("there are {most} {what} already, as many as one tenant may have; remove some")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        most: i64,
    },
    /// The lease is no longer ours: another attempt owns the job, or it has ended.
    #[error("the lease on job {0} is lost")]
    LeaseLost(JobId),
    /// The database is full.
    #[error("the database's disk is full")]
    Full,
    /// The database cannot be reached, or not at this moment: nothing was done, and the same call may succeed in a
    /// while.
    #[error("the database cannot be reached: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database takes no changes at this moment: nothing was done, and the same call may succeed in a while.
    #[error("the database is read-only: {0}")]
    ReadOnly(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database was asked and did not answer: it may have been done.
    #[error("the database did not answer, and may have done what was asked: {0}")]
    Unanswered(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// The refusal to delete a job that has not ended.
    #[must_use]
    pub fn active(job: &Job) -> Self {
        Self::Conflict {
            state: job.state,
            needed: "cancel it before deleting it",
        }
    }

    /// Whether the same call may succeed once the database is back.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Unanswered(_) | Self::ReadOnly(_) | Self::Full
        )
    }
}

/// Makes a POST safe to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The caller's key.
    pub key: String,
    /// SHA-256 of the request body, hex.
    pub body_sha256: String,
}

/// What creating a job came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Created {
    /// A new job.
    New(Job),
    /// The same key and body came before: the job of that time.
    Replayed(Job),
}

/// Which jobs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only this state.
    pub state: Option<State>,
    /// Only this model URI.
    pub model: Option<String>,
    /// Only jobs that carry this label with this value.
    pub label: Option<(String, String)>,
}

/// Counts for the metrics page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Jobs in state `queued`.
    pub queued: i64,
    /// Jobs in state `running` or `canceling`.
    pub running: i64,
    /// Age of the oldest queued job in milliseconds; 0 when there is none.
    pub oldest_queued_ms: i64,
}

/// How a worker's attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With a result: the files are stored at the manifest's keys.
    Succeeded {
        /// What came of it.
        report: Box<Report>,
        /// Where its files are.
        manifest: Manifest,
    },
    /// Without: a retryable failure goes back to the queue while attempts are left, an outage in any case; `Canceled`
    /// ends the job as canceled, `DeadlineExceeded` as expired, any other as failed.
    Failed(Failure),
    /// The worker shuts down: the job goes back to the queue and its attempt is given back from
    /// the allowance (the fencing token still grows).
    Interrupted,
}

/// Where jobs live. All times come from the database's clock. A job outside the scope of a call is answered
/// like one that is not there.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Accepts a job, in one transaction with its idempotency key and its first event. A key belongs to
    /// its tenant. `QuotaExceeded` when too many of the tenant's jobs wait already.
    async fn create(
        &self,
        job: NewJob,
        key: Option<IdempotencyKey>,
        quota: Quota,
    ) -> Result<Created, StoreError>;

    /// One job.
    async fn get(&self, scope: &Scope, id: JobId) -> Result<Job, StoreError>;

    /// Newest first, at most `limit`, older than `before`; and whether more follow.
    async fn list(
        &self,
        scope: &Scope,
        filter: &JobFilter,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<(Vec<Job>, bool), StoreError>;

    /// Asks a job to stop: a queued one is canceled at once, a running one becomes `canceling`,
    /// a terminal one stays as it is. Answers the job as it then is.
    async fn request_cancel(&self, scope: &Scope, id: JobId) -> Result<Job, StoreError>;

    /// Forgets a terminal job with its events, and answers its manifest so that the caller removes
    /// the files. `Conflict` while it is active.
    async fn delete(&self, scope: &Scope, id: JobId) -> Result<Option<Manifest>, StoreError>;

    /// The published files of a succeeded job; `None` before that.
    async fn manifest(&self, scope: &Scope, id: JobId) -> Result<Option<Manifest>, StoreError>;

    /// Events of a job after sequence number `after`, oldest first, at most `limit`.
    async fn events(
        &self,
        scope: &Scope,
        id: JobId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError>;

    /// Takes the first job in the queue of the claimer's device, or one whose lease has run out: by priority, then by
    /// rank, passing over queued jobs of tenants that run as many as they may. Jobs found past their deadline, past
    /// their attempts, or with a cancel request and a dead worker are ended on the way. `None` when nothing is to be
    /// done.
    async fn claim(&self, claimer: &Claimer) -> Result<Option<(Job, Lease)>, StoreError>;

    /// What this claimer holds, its lease begun anew: for a claimer that did not hear the answer to its claim. A
    /// claimer has one job at a time, and a name that nobody else has.
    async fn claimed(&self, claimer: &Claimer) -> Result<Option<(Job, Lease)>, StoreError>;

    /// Whether [`claim`](Self::claim) would find something now. Changes nothing.
    async fn has_claimable(&self, claimer: &Claimer) -> Result<bool, StoreError>;

    /// Jobs of this device that wait for a place that was away, and for whose return it is time to look; at most
    /// `limit`, the longest due first. Nobody else gets them for so long.
    async fn to_look_for(
        &self,
        device: Device,
        limit: usize,
        hold_ms: i64,
    ) -> Result<Vec<Job>, StoreError>;

    /// The place that a job waits for is back: it may be claimed. Changes nothing for a job that does not wait.
    async fn resume(&self, id: JobId) -> Result<(), StoreError>;

    /// Keeps the lease alive, writes stage and progress, and brings back whether to stop.
    async fn heartbeat(
        &self,
        lease: &Lease,
        stage: Option<Stage>,
        done: u64,
        total: u64,
        lease_ms: i64,
    ) -> Result<Heartbeat, StoreError>;

    /// Adds to the job's history, under the fence.
    async fn record(&self, lease: &Lease, event: NewEvent) -> Result<(), StoreError>;

    /// Ends the attempt, under the fence, with manifest and report in the same transaction.
    /// Answers the job as it then is.
    async fn finish(&self, lease: &Lease, outcome: Outcome) -> Result<Job, StoreError>;

    /// Ends what no worker will end: jobs past their deadline, and leases that ran out with no
    /// attempt left or with a cancel request. Answers how many. Safe to run twice at once.
    async fn sweep(&self) -> Result<u64, StoreError>;

    /// Depth of the queue.
    async fn depth(&self) -> Result<QueueDepth, StoreError>;

    /// The database's clock.
    async fn clock(&self) -> Result<UnixMs, StoreError>;

    /// Whether the store answers (for `/readyz`).
    async fn ping(&self) -> Result<(), StoreError>;
}

/// What a heartbeat brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Someone asked to stop.
    pub cancel_requested: bool,
    /// The deadline has passed.
    pub deadline_passed: bool,
}
