//! Shared state of the core and the heartbeat: progress waits here for the next heartbeat, and stop requests wait
//! here until the core checks for them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::job::event::NewEvent;
use crate::prune::failure::{Code, Failure};
use crate::prune::stage::Stage;
use crate::prune::watch::Watch;

/// Why an attempt must stop early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A client canceled the job.
    Canceled,
    /// The deadline of the job passed.
    Deadline,
    /// The worker is shutting down.
    Shutdown,
    /// The lease is lost: another worker has claimed the job, or the job has ended.
    LeaseLost,
    /// No heartbeat succeeded for nearly the duration of the lease: another worker may claim the job.
    Unheard,
}

/// Shared by the pruning thread and the heartbeat task.
#[derive(Default)]
pub struct Reporter {
    state: Mutex<State>,
}

/// Progress of an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The current stage; `None` before the first one.
    pub stage: Option<Stage>,
    /// Units of work done in this stage.
    pub done: u64,
    /// Units of work of this stage in total.
    pub total: u64,
}

#[derive(Default)]
struct State {
    position: Position,
    reported: Position,
    news: Vec<NewEvent>,
    stop: Option<Stop>,
}

impl Reporter {
    /// Asks the core to stop. Only the first reason is kept.
    pub fn stop(&self, reason: Stop) {
        self.state().stop.get_or_insert(reason);
    }

    /// Returns why the core was asked to stop, if it was.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        self.state().stop
    }

    /// Returns the progress, and the events since the last call. All progress within a stage becomes one event.
    #[must_use]
    pub fn news(&self) -> (Position, Vec<NewEvent>) {
        let mut state = self.state();
        let mut news = std::mem::take(&mut state.news);
        let Position { stage, done, total } = state.position;
        if let Some(stage) = stage.filter(|_| state.position != state.reported && total > 0) {
            news.push(NewEvent::Progress { stage, done, total });
        }
        state.reported = state.position;
        (state.position, news)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held cannot leave these plain values inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Reporter {
    fn stage(&self, stage: Stage) {
        let mut state = self.state();
        state.position = Position {
            stage: Some(stage),
            done: 0,
            total: 0,
        };
        state.reported = state.position;
        state.news.push(NewEvent::Stage { stage });
    }

    fn progress(&self, done: u64, total: u64) {
        let mut state = self.state();
        // Parallel lanes report out of order; progress must not go backwards.
        let done = if state.position.total == total {
            done.max(state.position.done)
        } else {
            done
        };
        state.position = Position {
            stage: state.position.stage,
            done,
            total,
        };
    }

    fn proceed(&self) -> Result<(), Failure> {
        match self.stopped() {
            None => Ok(()),
            Some(Stop::Canceled) => Err(Failure::new(Code::Canceled, "the job was canceled")),
            Some(Stop::Deadline) => Err(Failure::new(
                Code::DeadlineExceeded,
                "the deadline of the job passed",
            )),
            Some(Stop::Shutdown) => {
                Err(Failure::new(Code::Canceled, "the worker is shutting down"))
            }
            Some(Stop::LeaseLost | Stop::Unheard) => {
                Err(Failure::new(Code::Canceled, "the lease on the job is lost"))
            }
        }
    }
}
