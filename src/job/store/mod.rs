//! The store of jobs, as a trait. All stores behave the same; `tests/it/job_store.rs` lists and tests the behavior.

use async_trait::async_trait;

use super::event::{Event, NewEvent};
use super::queue::{Claimer, Crew, Device, HeldLease, Position, Quota, SeenCrew};
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
pub mod error;
pub mod keys;
pub mod postgres;
pub mod retention;
mod schema;
pub mod sqlite;
pub mod webhooks;

pub use error::StoreError;

/// Lifetime of an idempotency key, in milliseconds.
pub(crate) const KEY_LIFETIME_MS: i64 = 24 * 60 * 60 * 1_000;

/// Store of everything that a service keeps in its database. Every type with all the parts implements it.
pub trait Store:
    JobStore + keys::KeyStore + audit::AuditLog + retention::Expiry + webhooks::WebhookStore
{
}

impl<S> Store for S where
    S: JobStore + keys::KeyStore + audit::AuditLog + retention::Expiry + webhooks::WebhookStore
{
}

/// An idempotency key, which makes a POST safe to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Key that the client chose.
    pub key: String,
    /// SHA-256 of the request body, in hexadecimal.
    pub body_sha256: String,
}

/// Result of creating a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Created {
    /// A new job.
    New(Job),
    /// The job of an earlier request with the same key and body.
    Replayed(Job),
}

/// Filter of a job list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only jobs in one of these states; all if empty.
    pub states: Vec<State>,
    /// Only jobs with this model URI.
    pub model: Option<String>,
    /// Only jobs that have this label with this value.
    pub label: Option<(String, String)>,
}

/// Size of the queue, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Number of jobs in state `queued`.
    pub queued: i64,
    /// Number of jobs in state `running` or `canceling`.
    pub running: i64,
    /// Age of the oldest queued job in milliseconds; 0 if no job is queued.
    pub oldest_queued_ms: i64,
}

/// Outcome of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The attempt succeeded, and its files are stored under the keys of the manifest.
    Succeeded {
        /// Report of the attempt.
        report: Box<Report>,
        /// List of the result files.
        manifest: Manifest,
    },
    /// The attempt failed. The failure code decides about the job:
    /// - An outage always requeues it.
    /// - Another retryable failure requeues it while attempts are left.
    /// - `Canceled` ends it as canceled, and `DeadlineExceeded` as expired.
    /// - Any other failure ends it as failed.
    Failed(Failure),
    /// The attempt failed, and another one would fail in the same way. The job ends as failed.
    GivenUp(Failure),
    /// The worker shuts down. The job is requeued, and the attempt does not count against `max_attempts`. The fencing
    /// token still increases.
    Interrupted,
}

/// Store of jobs. All times are database time. A job outside the scope of a call is reported as not found.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Creates a job, in one transaction with its idempotency key and its first event. Idempotency keys are separate
    /// for each tenant. Returns `QuotaExceeded` if the tenant has too many queued jobs.
    async fn create(
        &self,
        job: NewJob,
        key: Option<IdempotencyKey>,
        quota: Quota,
    ) -> Result<Created, StoreError>;

    /// Returns a job.
    async fn get(&self, scope: &Scope, id: JobId) -> Result<Job, StoreError>;

    /// Returns jobs older than `before`, newest first, at most `limit`; and whether more follow.
    async fn list(
        &self,
        scope: &Scope,
        filter: &JobFilter,
        before: Option<JobId>,
        limit: usize,
    ) -> Result<(Vec<Job>, bool), StoreError>;

    /// Returns the number of jobs in each state that match the filter, whatever its states. A state without jobs may be
    /// absent.
    async fn counts(
        &self,
        scope: &Scope,
        filter: &JobFilter,
    ) -> Result<Vec<(State, i64)>, StoreError>;

    /// Requests the cancellation of a job, and returns the job afterwards. A queued job is canceled at once, a running
    /// one becomes `canceling`, and a terminal one does not change.
    async fn request_cancel(&self, scope: &Scope, id: JobId) -> Result<Job, StoreError>;

    /// Deletes a terminal job with its events, and returns its manifest. Returns `Conflict` if the job is active.
    /// Callers remove the files first, so that an interrupted deletion can be repeated.
    async fn delete(&self, scope: &Scope, id: JobId) -> Result<Option<Manifest>, StoreError>;

    /// Returns the published files of a succeeded job; `None` for other jobs.
    async fn manifest(&self, scope: &Scope, id: JobId) -> Result<Option<Manifest>, StoreError>;

    /// Returns the events of a job after sequence number `after`, oldest first, at most `limit`.
    async fn events(
        &self,
        scope: &Scope,
        id: JobId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError>;

    /// Claims a job of the claimer's device that is queued, or whose lease has expired. Returns `None` if there is
    /// none.
    ///
    /// The tenant with the fewest running jobs on the device is first, and among equals the one whose last claim is the
    /// longest ago. Within a tenant, jobs are ordered by priority, then by creation. Queued jobs of tenants that run
    /// their maximum number of jobs are skipped. A found job is ended instead if its deadline has passed, if no attempt is left, or if it has a cancel
    /// request and an expired lease; then the search continues.
    async fn claim(&self, claimer: &Claimer) -> Result<Option<(Job, Lease)>, StoreError>;

    /// Returns the job that this claimer holds, and renews its lease: for a claimer that got no response to its claim.
    /// A claimer holds at most one job, and its name is unique.
    async fn claimed(&self, claimer: &Claimer) -> Result<Option<(Job, Lease)>, StoreError>;

    /// Returns whether [`claim`](Self::claim) would find a job now. Changes nothing.
    async fn has_claimable(&self, claimer: &Claimer) -> Result<bool, StoreError>;

    /// Notes that a process runs workers, for the [default quota](Quota::max_running) of running jobs. The process must
    /// repeat this within [`CREW_LIFETIME_MS`](super::queue::CREW_LIFETIME_MS).
    async fn note_crew(&self, crew: &Crew) -> Result<(), StoreError>;

    /// Returns the processes with workers that were noted within
    /// [`CREW_LIFETIME_MS`](super::queue::CREW_LIFETIME_MS), by name, and the leases of the jobs in the scope, oldest job
    /// first.
    async fn at_work(&self, scope: &Scope) -> Result<(Vec<SeenCrew>, Vec<HeldLease>), StoreError>;

    /// Returns what a job waits for in the queue.
    async fn position(&self, job: &Job) -> Result<Position, StoreError>;

    /// Returns jobs of this device that wait for an unavailable dependency and whose next poll is due, at most `limit`,
    /// the longest due first. Hides them from other callers for `hold_ms`.
    async fn to_look_for(
        &self,
        device: Device,
        limit: usize,
        hold_ms: i64,
    ) -> Result<Vec<Job>, StoreError>;

    /// Allows a waiting job to be claimed, because its dependency is available again. Changes nothing for a job that
    /// does not wait.
    async fn resume(&self, id: JobId) -> Result<(), StoreError>;

    /// Renews the lease, stores stage and progress, and returns whether the attempt must stop.
    async fn heartbeat(
        &self,
        lease: &Lease,
        stage: Option<Stage>,
        done: u64,
        total: u64,
        lease_ms: i64,
    ) -> Result<Heartbeat, StoreError>;

    /// Adds an event to the history of the job, if the lease still owns the job.
    async fn record(&self, lease: &Lease, event: NewEvent) -> Result<(), StoreError>;

    /// Ends the attempt, if the lease still owns the job, and stores manifest and report in the same transaction.
    /// Returns the job afterwards.
    async fn finish(&self, lease: &Lease, outcome: Outcome) -> Result<Job, StoreError>;

    /// Ends jobs that no worker will end: jobs past their deadline, and jobs with an expired lease that have no attempt
    /// left or a cancel request. Returns the number of ended jobs. Concurrent calls are safe.
    async fn sweep(&self) -> Result<u64, StoreError>;

    /// Returns the size of the queue.
    async fn depth(&self) -> Result<QueueDepth, StoreError>;

    /// Returns the database time.
    async fn clock(&self) -> Result<UnixMs, StoreError>;

    /// Checks that the store can write (for `/readyz`).
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Response to a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// A client requested cancellation.
    pub cancel_requested: bool,
    /// The deadline has passed.
    pub deadline_passed: bool,
}
