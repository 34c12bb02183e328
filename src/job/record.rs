//! The stored data of a job, and the changes of it as pure functions.
//!
//! Each function takes the database time, changes the record and adds the events of the change. A store loads a record,
//! calls one of these functions and saves the record, all in one transaction. So jobs behave the same in every store.

use super::event::NewEvent;
use super::store::{Heartbeat, Outcome, StoreError};
use super::waiting::Waiting;
use super::{Job, JobId, Lease, NewJob, Progress, State, UnixMs};
use crate::artifact::manifest::Manifest;
use crate::prune::failure::{Code, Failure};
use crate::prune::stage::Stage;

/// Pause before the second attempt, in milliseconds; it doubles with each attempt, up to [`MAX_BACKOFF_MS`].
const FIRST_BACKOFF_MS: i64 = 1_000;
const MAX_BACKOFF_MS: i64 = 60_000;

/// A job with the data that only the stores and workers use.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The job as clients see it.
    pub job: Job,
    /// Number of claims that count against `max_attempts`: all except those that met an outage, or whose worker shut
    /// down.
    pub spent: i64,
    /// Earliest time of the next claim.
    pub not_before: UnixMs,
    /// The lease; present if and only if the job is running or canceling.
    pub hold: Option<Hold>,
    /// The published files; present if and only if the job succeeded.
    pub manifest: Option<Manifest>,
    /// Events since the record was loaded; saving the record appends them to the history.
    pub news: Vec<NewEvent>,
}

/// The lease of a worker, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Name of the worker.
    pub worker: String,
    /// Expiry time.
    pub until: UnixMs,
}

impl Record {
    /// Creates the record of an accepted job.
    #[must_use]
    pub fn accept(new: NewJob, now: UnixMs) -> Self {
        let job = Job {
            id: JobId::at(now),
            tenant: new.tenant,
            device: new.device,
            priority: new.priority,
            state: State::Queued,
            stage: None,
            progress: Progress::default(),
            recipe: new.recipe,
            labels: new.labels,
            attempt: 0,
            max_attempts: new.max_attempts,
            retry_of: new.retry_of,
            trace: new.trace,
            cancel_requested: false,
            waiting: None,
            failure: None,
            report: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            deadline_at: new.deadline_ms.map(|deadline| now.saturating_add(deadline)),
            artifacts_removed_at: None,
            version: 0,
        };
        let mut record = Self {
            job,
            spent: 0,
            not_before: now,
            hold: None,
            manifest: None,
            news: Vec::new(),
        };
        record.add_event(NewEvent::Queued);
        record
    }

    /// Returns whether a worker may claim the job now: it is queued and `not_before` has passed, or its lease has
    /// expired.
    #[must_use]
    pub fn is_claimable(&self, now: UnixMs) -> bool {
        match &self.hold {
            Some(hold) => hold.until <= now,
            None => self.job.state == State::Queued && self.not_before <= now,
        }
    }

    /// Ends the job if no worker will. This is so if it has no valid lease, and if also a cancellation was requested,
    /// its deadline has passed, or no attempt is left. Returns whether it ended the job.
    pub fn end_if_over(&mut self, now: UnixMs) -> bool {
        if self.job.state.is_terminal() || self.hold.as_ref().is_some_and(|hold| hold.until > now) {
            return false;
        }
        if self.job.cancel_requested {
            self.end(State::Canceled, None, now);
        } else if self.job.deadline_at.is_some_and(|deadline| deadline <= now) {
            self.end(
                State::Expired,
                Some(Failure::new(
                    Code::DeadlineExceeded,
                    "the deadline of the job passed",
                )),
                now,
            );
        } else if self.spent >= self.job.max_attempts
            && (self.hold.is_some() || self.not_before <= now)
        {
            let detail = format!(
                "all {} attempts ended without a result; the last worker disappeared",
                self.spent
            );
            self.end(
                State::Failed,
                Some(Failure {
                    stage: self.job.stage,
                    ..Failure::new(Code::AttemptsExhausted, detail)
                }),
                now,
            );
        } else {
            return false;
        }
        true
    }

    /// Claims the job for a worker. The caller must have checked that it [is claimable](Self::is_claimable) and
    /// [not over](Self::end_if_over).
    pub fn claim(&mut self, worker: &str, lease_ms: i64, now: UnixMs) -> Lease {
        if self.hold.is_some() {
            self.add_event(NewEvent::Requeued { failure: None });
        }
        self.job.state = State::Running;
        self.job.attempt += 1;
        self.spent += 1;
        self.job.stage = None;
        self.job.progress = Progress::default();
        self.job.started_at.get_or_insert(now);
        self.hold = Some(Hold {
            worker: worker.to_owned(),
            until: now + lease_ms,
        });
        self.add_event(NewEvent::Started {
            attempt: self.job.attempt,
        });
        Lease {
            job: self.job.id,
            attempt: self.job.attempt,
            worker: worker.to_owned(),
        }
    }

    /// Returns the lease again to the worker that claimed the job but got no response. No new attempt begins, and the
    /// lease is renewed. Returns `None` if another worker holds the job.
    pub fn reclaim(&mut self, worker: &str, lease_ms: i64, now: UnixMs) -> Option<Lease> {
        let hold = self.hold.as_mut().filter(|hold| hold.worker == worker)?;
        hold.until = now + lease_ms;
        Some(Lease {
            job: self.job.id,
            attempt: self.job.attempt,
            worker: worker.to_owned(),
        })
    }

    /// Checks that this lease still owns the job (fencing).
    ///
    /// # Errors
    /// Returns [`StoreError::LeaseLost`] if another attempt owns the job, or if the attempt or the job has ended.
    pub fn check(&self, lease: &Lease) -> Result<(), StoreError> {
        match self.hold.is_some() && self.job.attempt == lease.attempt {
            true => Ok(()),
            false => Err(StoreError::LeaseLost(self.job.id)),
        }
    }

    /// Renews the lease and stores the progress of the attempt.
    ///
    /// # Errors
    /// Returns [`StoreError::LeaseLost`] if the lease no longer owns the job.
    pub fn heartbeat(
        &mut self,
        lease: &Lease,
        stage: Option<Stage>,
        done: u64,
        total: u64,
        lease_ms: i64,
        now: UnixMs,
    ) -> Result<Heartbeat, StoreError> {
        self.check(lease)?;
        self.hold = Some(Hold {
            worker: lease.worker.clone(),
            until: now + lease_ms,
        });
        let moved = self.job.stage != stage;
        let progress = Progress {
            done,
            total,
            since: if moved {
                Some(now)
            } else {
                self.job.progress.since
            },
        };
        if moved || progress != self.job.progress {
            self.job.stage = stage;
            self.job.progress = progress;
            self.job.version += 1;
        }
        Ok(Heartbeat {
            cancel_requested: self.job.cancel_requested,
            deadline_passed: self.job.deadline_at.is_some_and(|deadline| deadline <= now),
        })
    }

    /// Adds an event of the worker to the history.
    ///
    /// # Errors
    /// Returns [`StoreError::LeaseLost`] if the lease no longer owns the job.
    pub fn record(&mut self, lease: &Lease, event: NewEvent) -> Result<(), StoreError> {
        self.check(lease)?;
        self.add_event(event);
        Ok(())
    }

    /// Ends the attempt. A worker whose response was lost may repeat the call with the same outcome; it changes
    /// nothing.
    ///
    /// # Errors
    /// Returns [`StoreError::LeaseLost`] if the lease no longer owns the job.
    pub fn finish(
        &mut self,
        lease: &Lease,
        outcome: Outcome,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        if self.has_ended(lease, &outcome) {
            return Ok(());
        }
        self.check(lease)?;
        match outcome {
            Outcome::Succeeded { report, manifest } => {
                self.job.report = Some(*report);
                self.manifest = Some(manifest);
                self.end(State::Succeeded, None, now);
            }
            Outcome::Failed(failure) => self.fail(failure, now),
            // A job with a cancel request ends as canceled, not as failed.
            Outcome::GivenUp(_) if self.job.cancel_requested => {
                self.end(State::Canceled, None, now);
            }
            Outcome::GivenUp(failure) => self.end(State::Failed, Some(failure), now),
            Outcome::Interrupted => {
                self.spent -= 1;
                self.requeue(None, now, now);
            }
        }
        Ok(())
    }

    /// Returns whether this attempt has already ended with this outcome.
    fn has_ended(&self, lease: &Lease, outcome: &Outcome) -> bool {
        if self.hold.is_some() || self.job.attempt != lease.attempt {
            return false;
        }
        match outcome {
            Outcome::Succeeded { manifest, .. } => self.manifest.as_ref() == Some(manifest),
            Outcome::Interrupted => self.job.state == State::Queued,
            Outcome::GivenUp(failure) => match self.job.state {
                State::Canceled => self.job.cancel_requested,
                state => state == State::Failed && self.job.failure.as_ref() == Some(failure),
            },
            Outcome::Failed(failure) => match self.job.state {
                // The job was requeued for another attempt, which no worker has claimed yet.
                State::Queued => failure.code.retryable(),
                State::Canceled => failure.code == Code::Canceled,
                State::Failed | State::Expired => self.job.failure.as_ref() == Some(failure),
                State::Running | State::Canceling | State::Succeeded => false,
            },
        }
    }

    /// Requests cancellation.
    pub fn request_cancel(&mut self, now: UnixMs) {
        match self.job.state {
            State::Queued => {
                self.job.cancel_requested = true;
                self.add_event(NewEvent::CancelRequested);
                self.end(State::Canceled, None, now);
            }
            State::Running => {
                self.job.cancel_requested = true;
                self.job.state = State::Canceling;
                self.add_event(NewEvent::CancelRequested);
            }
            State::Canceling
            | State::Succeeded
            | State::Failed
            | State::Canceled
            | State::Expired => {}
        }
    }

    fn fail(&mut self, failure: Failure, now: UnixMs) {
        match failure.code {
            Code::Canceled => self.end(State::Canceled, None, now),
            Code::DeadlineExceeded => self.end(State::Expired, Some(failure), now),
            code if code.is_outage() => self.wait(failure, now),
            // A job with a cancel request ends as canceled, not as failed: see `requeue`.
            code if code.retryable()
                && (self.spent < self.job.max_attempts || self.job.cancel_requested) =>
            {
                let wait = FIRST_BACKOFF_MS
                    .saturating_mul(1 << (self.spent - 1).clamp(0, 20))
                    .min(MAX_BACKOFF_MS);
                self.requeue(Some(failure), now + wait, now);
            }
            _ => self.end(State::Failed, Some(failure), now),
        }
    }

    /// Requeues the job after an outage. The attempt does not count, and the job waits for the end of the outage.
    fn wait(&mut self, failure: Failure, now: UnixMs) {
        self.spent -= 1;
        let waiting = Waiting::after(self.job.waiting.as_ref(), failure.clone(), now);
        let until = waiting.until();
        self.job.waiting = Some(waiting);
        self.requeue(Some(failure), until, now);
    }

    /// Allows a waiting job to be claimed, because its dependency is available again. Changes nothing for a job that
    /// does not wait.
    pub fn resume(&mut self, now: UnixMs) {
        let is_queued = self.job.state == State::Queued;
        let waiting = self.job.waiting.as_mut().filter(|_| is_queued);
        if let Some(waiting) = waiting.filter(|waiting| waiting.back_at.is_none()) {
            waiting.back_at = Some(now);
            self.not_before = now;
            self.job.version += 1;
        }
    }

    /// Puts the job back into the queue, or ends it as canceled if cancellation was requested.
    fn requeue(&mut self, failure: Option<Failure>, not_before: UnixMs, now: UnixMs) {
        if self.job.cancel_requested {
            return self.end(State::Canceled, None, now);
        }
        self.job.state = State::Queued;
        self.job.stage = None;
        self.job.progress = Progress::default();
        self.hold = None;
        self.not_before = not_before;
        self.add_event(NewEvent::Requeued { failure });
    }

    fn end(&mut self, state: State, failure: Option<Failure>, now: UnixMs) {
        debug_assert!(
            self.job.state.may_become(state) && state.is_terminal(),
            "{:?} to {state:?}",
            self.job.state
        );
        self.job.state = state;
        self.job.finished_at = Some(now);
        // The last heartbeat may be from an earlier stage than the failure.
        let stage = failure.as_ref().and_then(|failure| failure.stage);
        if stage.is_some() && stage != self.job.stage {
            self.job.stage = stage;
            self.job.progress = Progress::default();
        }
        self.hold = None;
        self.job.waiting = None;
        self.add_event(match (state, &failure) {
            (State::Succeeded, _) => NewEvent::Succeeded,
            (State::Failed, Some(failure)) => NewEvent::Failed {
                failure: failure.clone(),
            },
            (State::Expired, _) => NewEvent::Expired,
            _ => NewEvent::Canceled,
        });
        self.job.failure = failure;
    }

    fn add_event(&mut self, event: NewEvent) {
        self.job.version += 1;
        self.news.push(event);
    }
}
