//! Everything that a store keeps of a job, and how it changes. Pure: the store brings the time.
//!
//! In: a record, what happened, and the database's clock. Out: the changed record with the events that
//! tell of it. A store loads a record, calls one of these and saves it, in one transaction; so every
//! store shows the same life.

use super::event::NewEvent;
use super::store::{Heartbeat, Outcome, StoreError};
use super::waiting::Waiting;
use super::{Job, JobId, Lease, NewJob, Progress, State, UnixMs};
use crate::artifact::manifest::Manifest;
use crate::prune::failure::{Code, Failure};
use crate::prune::stage::Stage;

/// Wait before the second attempt; it doubles with each one, up to [`MOST_BACKOFF_MS`].
const FIRST_BACKOFF_MS: i64 = 1_000;
const MOST_BACKOFF_MS: i64 = 60_000;

/// A job with what only the store and its workers know.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The job as readers see it.
    pub job: Job,
    /// Its turn among jobs of the same device and priority (see [`queue`](super::queue)).
    pub rank: i64,
    /// Claims that count against `max_attempts`: all but those that met an outage or that a worker gave back.
    pub spent: i64,
    /// No claim before this moment.
    pub not_before: UnixMs,
    /// Who holds it, and until when; present exactly while it runs.
    pub hold: Option<Hold>,
    /// The published files; present exactly when it succeeded.
    pub manifest: Option<Manifest>,
    /// What happened since the record was loaded, to be appended to its history.
    pub news: Vec<NewEvent>,
}

/// A worker's hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Who.
    pub worker: String,
    /// Until when.
    pub until: UnixMs,
}

impl Record {
    /// A job is accepted.
    #[must_use]
    pub fn accept(new: NewJob, rank: i64, now: UnixMs) -> Self {
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
            rank,
            spent: 0,
            not_before: now,
            hold: None,
            manifest: None,
            news: Vec::new(),
        };
        record.tell(NewEvent::Queued);
        record
    }

    /// Whether a worker may take it now: it is queued and its time has come, or its lease ran out.
    #[must_use]
    pub fn is_claimable(&self, now: UnixMs) -> bool {
        match &self.hold {
            Some(hold) => hold.until <= now,
            None => self.job.state == State::Queued && self.not_before <= now,
        }
    }

    /// Ends a job that no worker will end: past its deadline, or with a lease that ran out and a cancel
    /// request or no attempt left. Answers whether it ended.
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
                    "the job's deadline passed",
                )),
                now,
            );
        } else if self.spent >= self.job.max_attempts
            && (self.hold.is_some() || self.not_before <= now)
        {
            let detail = format!(
                "{} attempts ended without a result; the last worker vanished",
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

    /// A worker takes it. The caller made sure that it [is claimable](Self::is_claimable) and not
    /// [over](Self::end_if_over).
    pub fn claim(&mut self, worker: &str, lease_ms: i64, now: UnixMs) -> Lease {
        if self.hold.is_some() {
            self.tell(NewEvent::Requeued { failure: None });
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
        self.tell(NewEvent::Started {
            attempt: self.job.attempt,
        });
        Lease {
            job: self.job.id,
            attempt: self.job.attempt,
            worker: worker.to_owned(),
        }
    }

    /// A worker takes up what it claimed without hearing so: no attempt begins, the lease begins anew. `None` when it
    /// is not the worker's.
    pub fn reclaim(&mut self, worker: &str, lease_ms: i64, now: UnixMs) -> Option<Lease> {
        let hold = self.hold.as_mut().filter(|hold| hold.worker == worker)?;
        hold.until = now + lease_ms;
        Some(Lease {
            job: self.job.id,
            attempt: self.job.attempt,
            worker: worker.to_owned(),
        })
    }

    /// The fence: whether this lease still is the job's.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when another attempt owns the job, or it has ended.
    pub fn check(&self, lease: &Lease) -> Result<(), StoreError> {
        match self.hold.is_some() && self.job.attempt == lease.attempt {
            true => Ok(()),
            false => Err(StoreError::LeaseLost(self.job.id)),
        }
    }

    /// The worker is alive and has come so far.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
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

    /// The worker adds to the history.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub fn record(&mut self, lease: &Lease, event: NewEvent) -> Result<(), StoreError> {
        self.check(lease)?;
        self.tell(event);
        Ok(())
    }

    /// The attempt ends. A worker that did not hear the answer may write the same end again: it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
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
            Outcome::Interrupted => {
                self.spent -= 1;
                self.requeue(None, now, now);
            }
        }
        Ok(())
    }

    /// Whether this attempt has ended in this way already.
    fn has_ended(&self, lease: &Lease, outcome: &Outcome) -> bool {
        if self.hold.is_some() || self.job.attempt != lease.attempt {
            return false;
        }
        match outcome {
            Outcome::Succeeded { manifest, .. } => self.manifest.as_ref() == Some(manifest),
            Outcome::Interrupted => self.job.state == State::Queued,
            Outcome::Failed(failure) => match self.job.state {
                // It was put back for another attempt, which nobody has taken yet.
                State::Queued => failure.code.retryable(),
                State::Canceled => failure.code == Code::Canceled,
                State::Failed | State::Expired => self.job.failure.as_ref() == Some(failure),
                State::Running | State::Canceling | State::Succeeded => false,
            },
        }
    }

    /// Someone asks it to stop.
    pub fn request_cancel(&mut self, now: UnixMs) {
        match self.job.state {
            State::Queued => {
                self.job.cancel_requested = true;
                self.tell(NewEvent::CancelRequested);
                self.end(State::Canceled, None, now);
            }
            State::Running => {
                self.job.cancel_requested = true;
                self.job.state = State::Canceling;
                self.tell(NewEvent::CancelRequested);
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
            // Who was asked to stop is not tried again and has not failed: see `requeue`.
            code if code.retryable()
                && (self.spent < self.job.max_attempts || self.job.cancel_requested) =>
            {
                let wait = FIRST_BACKOFF_MS
                    .saturating_mul(1 << (self.spent - 1).clamp(0, 20))
                    .min(MOST_BACKOFF_MS);
                self.requeue(Some(failure), now + wait, now);
            }
            _ => self.end(State::Failed, Some(failure), now),
        }
    }

    /// A place is away: the attempt is given back, and the job waits for the place's return.
    fn wait(&mut self, failure: Failure, now: UnixMs) {
        self.spent -= 1;
        let waiting = Waiting::after(self.job.waiting.as_ref(), failure.clone(), now);
        let until = waiting.until();
        self.job.waiting = Some(waiting);
        self.requeue(Some(failure), until, now);
    }

    /// The place that a queued job waits for is back: it may be claimed. Changes nothing for a job that does not wait.
    pub fn resume(&mut self, now: UnixMs) {
        let is_queued = self.job.state == State::Queued;
        let waiting = self.job.waiting.as_mut().filter(|_| is_queued);
        if let Some(waiting) = waiting.filter(|waiting| waiting.back_at.is_none()) {
            waiting.back_at = Some(now);
            self.not_before = now;
            self.job.version += 1;
        }
    }

    /// Back to the queue; a job that was asked to stop has nowhere to go back to.
    fn requeue(&mut self, failure: Option<Failure>, not_before: UnixMs, now: UnixMs) {
        if self.job.cancel_requested {
            return self.end(State::Canceled, None, now);
        }
        self.job.state = State::Queued;
        self.job.stage = None;
        self.job.progress = Progress::default();
        self.hold = None;
        self.not_before = not_before;
        self.tell(NewEvent::Requeued { failure });
    }

    fn end(&mut self, state: State, failure: Option<Failure>, now: UnixMs) {
        debug_assert!(
            self.job.state.may_become(state) && state.is_terminal(),
            "{:?} to {state:?}",
            self.job.state
        );
        self.job.state = state;
        self.job.finished_at = Some(now);
        // The last heartbeat may have been in an earlier stage than the end.
        let stage = failure.as_ref().and_then(|failure| failure.stage);
        if stage.is_some() && stage != self.job.stage {
            self.job.stage = stage;
            self.job.progress = Progress::default();
        }
        self.hold = None;
        self.job.waiting = None;
        self.tell(match (state, &failure) {
            (State::Succeeded, _) => NewEvent::Succeeded,
            (State::Failed, Some(failure)) => NewEvent::Failed {
                failure: failure.clone(),
            },
            (State::Expired, _) => NewEvent::Expired,
            _ => NewEvent::Canceled,
        });
        self.job.failure = failure;
    }

    fn tell(&mut self, event: NewEvent) {
        self.job.version += 1;
        self.news.push(event);
    }
}
