//! A model-based test: random sequences of calls have the same results in a store and in a model of the queue without a
//! database.

use optin::job::queue::Quota;
use optin::job::store::{Created, Outcome, Store, StoreError};
use optin::job::{JobId, Lease, NewJob, Scope, State};
use optin::prune::failure::Code;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;
use tokio::runtime::Runtime;

use super::behaviours::succeeded;
use crate::fixture::job::{claimer, failure, new_job};

/// A call. Numbers select one of the existing jobs or leases.
#[derive(Clone, Debug)]
enum Call {
    Create {
        tenant: u8,
        priority: i64,
    },
    /// The lease stays valid, or expires at once.
    Claim {
        valid: bool,
    },
    Heartbeat(usize),
    Succeed(usize),
    Fail(usize),
    Interrupt(usize),
    /// Finishes the attempt with an outage.
    Wait(usize),
    /// The outage is over.
    Resume(usize),
    Cancel(usize),
    Sweep,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => (0..3u8, 0..2i64).prop_map(|(tenant, priority)| Call::Create { tenant, priority }),
        4 => any::<bool>().prop_map(|valid| Call::Claim { valid }),
        2 => any::<usize>().prop_map(Call::Heartbeat),
        2 => any::<usize>().prop_map(Call::Succeed),
        1 => any::<usize>().prop_map(Call::Fail),
        1 => any::<usize>().prop_map(Call::Interrupt),
        1 => any::<usize>().prop_map(Call::Wait),
        1 => any::<usize>().prop_map(Call::Resume),
        1 => any::<usize>().prop_map(Call::Cancel),
        1 => any::<()>().prop_map(|()| Call::Sweep),
    ]
}

/// State of a job in the model.
#[derive(Debug)]
struct ModelJob {
    id: JobId,
    tenant: u8,
    priority: i64,
    state: State,
    attempt: i64,
    spent: i64,
    /// Whether the lease of a running job is valid.
    valid: bool,
    /// Whether a queued job waits for the end of an outage.
    waits: bool,
    /// The last attempt that was finished, and its outcome.
    ended: Option<(i64, End)>,
}

/// Outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Succeeded,
    Failed,
    Interrupted,
    Waits,
}

impl End {
    fn outcome(self) -> Outcome {
        match self {
            Self::Succeeded => succeeded(),
            Self::Failed => Outcome::Failed(failure(Code::InvalidData)),
            Self::Interrupted => Outcome::Interrupted,
            Self::Waits => Outcome::Failed(failure(Code::SourceUnavailable)),
        }
    }

    /// Whether the job is requeued.
    fn requeues(self) -> bool {
        matches!(self, Self::Interrupted | Self::Waits)
    }
}

const ATTEMPTS: i64 = 3;

impl ModelJob {
    fn is_claimable(&self) -> bool {
        match self.state {
            State::Queued => self.spent < ATTEMPTS && !self.waits,
            State::Running => !self.valid && self.spent < ATTEMPTS,
            _ => false,
        }
    }

    /// Whether this attempt had this outcome, and no later attempt has started.
    fn was_ended_by(&self, lease: &Lease, end: End) -> bool {
        let Some((attempt, last)) = self.ended else {
            return false;
        };
        let alike = match end.requeues() {
            true => last.requeues() && self.state == State::Queued,
            false => last == end,
        };
        alike && attempt == lease.attempt && self.attempt == lease.attempt
    }

    /// Whether a claim or a sweep must end the job: its lease has expired, and it is being canceled or has no attempts
    /// left.
    fn is_over(&self) -> bool {
        let active = matches!(self.state, State::Running | State::Canceling);
        active && !self.valid && (self.state == State::Canceling || self.spent >= ATTEMPTS)
    }

    fn end_if_over(&mut self) {
        if self.is_over() {
            self.state = match self.state {
                State::Canceling => State::Canceled,
                _ => State::Failed,
            };
        }
    }
}

/// The model of the queue.
struct Model {
    jobs: Vec<ModelJob>,
    leases: Vec<Lease>,
    /// The tenants of all claims, in order.
    turns: Vec<u8>,
}

impl Model {
    fn job(&mut self, id: JobId) -> &mut ModelJob {
        self.jobs.iter_mut().find(|job| job.id == id).unwrap()
    }

    /// Returns a lease, and whether it belongs to the current attempt of its job.
    fn lease(&mut self, pick: usize) -> Option<(Lease, bool)> {
        let lease = self.leases.get(pick % self.leases.len().max(1))?.clone();
        let job = self.job(lease.job);
        let active = matches!(job.state, State::Running | State::Canceling);
        Some((lease.clone(), active && job.attempt == lease.attempt))
    }

    async fn apply(&mut self, store: &dyn Store, call: &Call) {
        match *call {
            Call::Create { tenant, priority } => {
                let job = NewJob {
                    tenant: format!("t{tenant}").parse().unwrap(),
                    priority,
                    max_attempts: ATTEMPTS,
                    ..new_job("a")
                };
                let created = store.create(job, None, Quota::default()).await.unwrap();
                let Created::New(job) = created else {
                    panic!("a job without an idempotency key must be new")
                };
                self.jobs.push(ModelJob {
                    id: job.id,
                    tenant,
                    priority,
                    state: State::Queued,
                    attempt: 0,
                    spent: 0,
                    valid: false,
                    waits: false,
                    ended: None,
                });
            }
            Call::Claim { valid } => self.claim(store, valid).await,
            Call::Heartbeat(pick) => {
                let Some((lease, current)) = self.lease(pick) else {
                    return;
                };
                let response = store.heartbeat(&lease, None, 0, 0, 600_000).await;
                let job = self.job(lease.job);
                match response {
                    Ok(heartbeat) => {
                        assert!(current);
                        assert_eq!(heartbeat.cancel_requested, job.state == State::Canceling);
                        job.valid = true;
                    }
                    Err(error) => {
                        assert!(
                            !current && matches!(error, StoreError::LeaseLost(_)),
                            "{error}"
                        );
                    }
                }
            }
            Call::Succeed(pick) => self.finish(store, pick, End::Succeeded).await,
            Call::Fail(pick) => self.finish(store, pick, End::Failed).await,
            Call::Interrupt(pick) => self.finish(store, pick, End::Interrupted).await,
            Call::Wait(pick) => self.finish(store, pick, End::Waits).await,
            Call::Resume(pick) => {
                let count = self.jobs.len().max(1);
                if let Some(job) = self.jobs.get_mut(pick % count) {
                    store.resume(job.id).await.unwrap();
                    job.waits = false;
                }
            }
            Call::Cancel(pick) => {
                let count = self.jobs.len().max(1);
                let Some(job) = self.jobs.get_mut(pick % count) else {
                    return;
                };
                let response = store.request_cancel(&Scope::Service, job.id).await.unwrap();
                job.state = match job.state {
                    State::Queued => State::Canceled,
                    State::Running => State::Canceling,
                    state => state,
                };
                assert_eq!(response.state, job.state);
            }
            Call::Sweep => {
                let over = self.jobs.iter().filter(|job| job.is_over()).count();
                assert_eq!(store.sweep().await.unwrap(), over as u64);
                self.jobs.iter_mut().for_each(ModelJob::end_if_over);
            }
        }
    }

    /// Returns the job that the next claim returns: of the tenant with the fewest running jobs, then of the one whose
    /// last claim is the longest ago, the oldest job of the highest priority.
    fn next(&self) -> Option<JobId> {
        let running = |tenant| {
            let active = |job: &&ModelJob| matches!(job.state, State::Running | State::Canceling);
            let jobs = self.jobs.iter().filter(|job| job.tenant == tenant);
            jobs.filter(active).filter(|job| job.valid).count()
        };
        let turn = |tenant| self.turns.iter().rposition(|last| *last == tenant);
        let claimable = self.jobs.iter().filter(|job| job.is_claimable());
        let first = claimable.min_by_key(|job| {
            let tenant = job.tenant;
            (running(tenant), turn(tenant), tenant, -job.priority, job.id)
        });
        first.map(|job| job.id)
    }

    async fn claim(&mut self, store: &dyn Store, valid: bool) {
        let lease_ms = if valid { 600_000 } else { 0 };
        let found = store.has_claimable(&claimer("w", lease_ms)).await.unwrap();
        let any = |job: &ModelJob| job.is_claimable() || job.is_over();
        assert_eq!(found, self.jobs.iter().any(any));
        let Some((job, lease)) = store.claim(&claimer("w", lease_ms)).await.unwrap() else {
            assert!(self.jobs.iter().all(|job| !job.is_claimable()));
            self.jobs.iter_mut().for_each(ModelJob::end_if_over);
            return;
        };
        let next = self.next().expect("a job is claimable");
        assert_eq!(job.id, next);
        let claimed = self.job(job.id);
        let tenant = claimed.tenant;
        claimed.state = State::Running;
        claimed.attempt += 1;
        claimed.spent += 1;
        claimed.valid = valid;
        assert_eq!(
            (lease.attempt, job.attempt),
            (claimed.attempt, claimed.attempt)
        );
        self.turns.push(tenant);
        // A claim also ends jobs that are over and come before the claimed job. The store tells which ones.
        for known in &mut self.jobs {
            if known.is_over() {
                let now = store.get(&Scope::Service, known.id).await.unwrap();
                if now.state.is_terminal() {
                    known.end_if_over();
                }
            }
        }
        self.leases.push(lease);
    }

    async fn finish(&mut self, store: &dyn Store, pick: usize, end: End) {
        let Some((lease, current)) = self.lease(pick) else {
            return;
        };
        let response = store.finish(&lease, end.outcome()).await;
        let job = self.job(lease.job);
        if !current && job.was_ended_by(&lease, end) {
            // A retry of a worker that did not receive the first response changes nothing.
            assert_eq!(response.unwrap().state, job.state);
            return;
        }
        if !current {
            assert!(
                matches!(response, Err(StoreError::LeaseLost(_))),
                "{response:?}"
            );
            return;
        }
        let job = self.job(lease.job);
        job.ended = Some((lease.attempt, end));
        match end {
            End::Succeeded => job.state = State::Succeeded,
            End::Failed => job.state = State::Failed,
            End::Interrupted | End::Waits => {
                job.spent -= 1;
                job.waits = end == End::Waits;
                job.state = match job.state {
                    State::Canceling => State::Canceled,
                    _ => State::Queued,
                };
            }
        }
        assert_eq!(response.unwrap().state, job.state);
    }

    /// Checks that every job has the same state in the store and in the model, and that each history has at most one
    /// end event.
    async fn check(&self, store: &dyn Store) {
        for known in &self.jobs {
            let job = store.get(&Scope::Service, known.id).await.unwrap();
            assert_eq!((job.state, job.attempt), (known.state, known.attempt));
            assert_eq!(job.finished_at.is_some(), job.state.is_terminal());
            let events = store.events(&Scope::Service, known.id, 0, 1_000).await;
            let types: Vec<String> = events
                .unwrap()
                .iter()
                .map(|event| serde_json::to_value(&event.body).unwrap()["type"].to_string())
                .collect();
            let ends = ["\"succeeded\"", "\"failed\"", "\"canceled\"", "\"expired\""];
            let count = types
                .iter()
                .filter(|name| ends.contains(&name.as_str()))
                .count();
            assert_eq!(count, usize::from(job.state.is_terminal()), "{types:?}");
            let started = types.iter().filter(|name| *name == "\"started\"").count();
            assert_eq!(started as i64, known.attempt);
        }
    }
}

/// Checks random sequences of calls, each with a new store.
pub fn check<Keep>(cases: u32, runtime: &Runtime, open: impl AsyncFn() -> (Keep, Arc<dyn Store>)) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let checked = TestRunner::new(config).run(&vec(call(), 1..60), |calls| {
        runtime.block_on(async {
            let (_keep, store) = open().await;
            let mut model = Model {
                jobs: Vec::new(),
                leases: Vec::new(),
                turns: Vec::new(),
            };
            for call in &calls {
                model.apply(store.as_ref(), call).await;
            }
            model.check(store.as_ref()).await;
        });
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}
