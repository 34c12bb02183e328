//! Any sequence of calls: the store answers as a model of the queue does that knows no database.

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

/// A call; numbers pick among the jobs and leases that there are.
#[derive(Clone, Debug)]
enum Call {
    Create {
        tenant: u8,
        priority: i64,
    },
    /// With a lease that holds, or one that has run out at once.
    Claim {
        holds: bool,
    },
    Heartbeat(usize),
    Succeed(usize),
    Fail(usize),
    Interrupt(usize),
    /// Meets an outage.
    Wait(usize),
    /// The outage is over.
    Resume(usize),
    Cancel(usize),
    Sweep,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        3 => (0..3u8, 0..2i64).prop_map(|(tenant, priority)| Call::Create { tenant, priority }),
        4 => any::<bool>().prop_map(|holds| Call::Claim { holds }),
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

/// What the model knows of a job.
#[derive(Debug)]
struct Known {
    id: JobId,
    tenant: u8,
    priority: i64,
    state: State,
    attempt: i64,
    spent: i64,
    /// While it runs: whether its lease holds.
    holds: bool,
    /// While it is queued: whether it waits for the end of an outage.
    waits: bool,
    /// The attempt that wrote an end last, and which.
    ended: Option<(i64, End)>,
}

/// How an attempt ends.
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

    /// Whether the job goes back to the queue.
    fn gives_back(self) -> bool {
        matches!(self, Self::Interrupted | Self::Waits)
    }
}

const ATTEMPTS: i64 = 3;

impl Known {
    fn may_be_claimed(&self) -> bool {
        match self.state {
            State::Queued => self.spent < ATTEMPTS && !self.waits,
            State::Running => !self.holds && self.spent < ATTEMPTS,
            _ => false,
        }
    }

    /// Whether this attempt was ended in this way, and nothing came after it.
    fn was_ended_by(&self, lease: &Lease, end: End) -> bool {
        let Some((attempt, last)) = self.ended else {
            return false;
        };
        let alike = match end.gives_back() {
            true => last.gives_back() && self.state == State::Queued,
            false => last == end,
        };
        alike && attempt == lease.attempt && self.attempt == lease.attempt
    }

    /// Nobody will end it but a claim or a sweep.
    fn is_over(&self) -> bool {
        let held = matches!(self.state, State::Running | State::Canceling);
        held && !self.holds && (self.state == State::Canceling || self.spent >= ATTEMPTS)
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

struct Model {
    jobs: Vec<Known>,
    leases: Vec<Lease>,
}

impl Model {
    fn job(&mut self, id: JobId) -> &mut Known {
        self.jobs.iter_mut().find(|job| job.id == id).unwrap()
    }

    /// A lease, and whether it still is its job's.
    fn lease(&mut self, pick: usize) -> Option<(Lease, bool)> {
        let lease = self.leases.get(pick % self.leases.len().max(1))?.clone();
        let job = self.job(lease.job);
        let held = matches!(job.state, State::Running | State::Canceling);
        Some((lease.clone(), held && job.attempt == lease.attempt))
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
                    panic!("no key was given")
                };
                self.jobs.push(Known {
                    id: job.id,
                    tenant,
                    priority,
                    state: State::Queued,
                    attempt: 0,
                    spent: 0,
                    holds: false,
                    waits: false,
                    ended: None,
                });
            }
            Call::Claim { holds } => self.claim(store, holds).await,
            Call::Heartbeat(pick) => {
                let Some((lease, good)) = self.lease(pick) else {
                    return;
                };
                let answer = store.heartbeat(&lease, None, 0, 0, 600_000).await;
                let job = self.job(lease.job);
                match answer {
                    Ok(heard) => {
                        assert!(good);
                        assert_eq!(heard.cancel_requested, job.state == State::Canceling);
                        job.holds = true;
                    }
                    Err(error) => {
                        assert!(
                            !good && matches!(error, StoreError::LeaseLost(_)),
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
                let answer = store.request_cancel(&Scope::Service, job.id).await.unwrap();
                job.state = match job.state {
                    State::Queued => State::Canceled,
                    State::Running => State::Canceling,
                    state => state,
                };
                assert_eq!(answer.state, job.state);
            }
            Call::Sweep => {
                let over = self.jobs.iter().filter(|job| job.is_over()).count();
                assert_eq!(store.sweep().await.unwrap(), over as u64);
                self.jobs.iter_mut().for_each(Known::end_if_over);
            }
        }
    }

    async fn claim(&mut self, store: &dyn Store, holds: bool) {
        let lease_ms = if holds { 600_000 } else { 0 };
        let found = store.has_claimable(&claimer("w", lease_ms)).await.unwrap();
        let any = |job: &Known| job.may_be_claimed() || job.is_over();
        assert_eq!(found, self.jobs.iter().any(any));
        let Some((job, lease)) = store.claim(&claimer("w", lease_ms)).await.unwrap() else {
            assert!(self.jobs.iter().all(|job| !job.may_be_claimed()));
            self.jobs.iter_mut().for_each(Known::end_if_over);
            return;
        };
        let urgent = self.jobs.iter().filter(|job| job.may_be_claimed());
        let urgent = urgent.map(|job| job.priority).max();
        let taken = self.job(job.id);
        assert!(taken.may_be_claimed());
        assert_eq!(Some(taken.priority), urgent);
        let (tenant, fresh) = (taken.tenant, taken.attempt == 0);
        taken.state = State::Running;
        taken.attempt += 1;
        taken.spent += 1;
        taken.holds = holds;
        assert_eq!((lease.attempt, job.attempt), (taken.attempt, taken.attempt));
        // Within a tenant the first come are the first served.
        let earlier = self.jobs.iter().take_while(|known| known.id != job.id);
        let mut passed = earlier.filter(|known| {
            (known.tenant, Some(known.priority), known.attempt) == (tenant, urgent, 0)
        });
        assert!(!fresh || passed.all(|known| known.state != State::Queued));
        // A claim ends what it finds over before the job that it takes; the store tells which.
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
        let Some((lease, good)) = self.lease(pick) else {
            return;
        };
        let answer = store.finish(&lease, end.outcome()).await;
        let job = self.job(lease.job);
        if !good && job.was_ended_by(&lease, end) {
            // A worker that did not hear the first answer: nothing changes.
            assert_eq!(answer.unwrap().state, job.state);
            return;
        }
        if !good {
            assert!(
                matches!(answer, Err(StoreError::LeaseLost(_))),
                "{answer:?}"
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
        assert_eq!(answer.unwrap().state, job.state);
    }

    /// The store tells of every job what the model does, and each history ends at most once.
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

/// Checks sequences of calls, each over a fresh store.
pub fn holds<Keep>(cases: u32, runtime: &Runtime, open: impl AsyncFn() -> (Keep, Arc<dyn Store>)) {
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
