//! The thread between the core and the heartbeat: what the core says is kept until the next beat, what
//! the beat hears is told to the core when it asks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::job::event::NewEvent;
use crate::prune::failure::{Code, Failure};
use crate::prune::stage::Stage;
use crate::prune::watch::Watch;

/// Why an attempt must stop before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Someone asked.
    Canceled,
    /// The deadline passed.
    Deadline,
    /// The worker shuts down.
    Shutdown,
    /// The lease is lost: another worker is at it, or the job has ended.
    LeaseLost,
    /// The job store has not answered for as long as the lease holds: another worker may be at it.
    Unheard,
}

/// Shared by the thread that computes and the task that beats.
#[derive(Default)]
pub struct Reporter {
    state: Mutex<State>,
}

/// How far the attempt is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The stage, once one began.
    pub stage: Option<Stage>,
    /// Units of work done in it.
    pub done: u64,
    /// Units of work of it.
    pub total: u64,
}

#[derive(Default)]
struct State {
    position: Position,
    told: Position,
    news: Vec<NewEvent>,
    stop: Option<Stop>,
}

impl Reporter {
    /// Asks the core to stop; the first reason stays.
    pub fn stop(&self, reason: Stop) {
        self.state().stop.get_or_insert(reason);
    }

    /// Why the core was asked to stop, if it was.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        self.state().stop
    }

    /// How far it is, and the events since the last call; progress within a stage is one event.
    #[must_use]
    pub fn news(&self) -> (Position, Vec<NewEvent>) {
        let mut state = self.state();
        let mut news = std::mem::take(&mut state.news);
        let Position { stage, done, total } = state.position;
        if let Some(stage) = stage.filter(|_| state.position != state.told && total > 0) {
            news.push(NewEvent::Progress { stage, done, total });
        }
        state.told = state.position;
        (state.position, news)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves plain values: nothing in them can be half done.
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
        state.told = state.position;
        state.news.push(NewEvent::Stage { stage });
    }

    fn progress(&self, done: u64, total: u64) {
        let mut state = self.state();
        // Lanes report out of order; a reader should not see work undone.
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
                "the job's deadline passed",
            )),
            Some(Stop::Shutdown) => Err(Failure::new(Code::Canceled, "the worker shuts down")),
            Some(Stop::LeaseLost | Stop::Unheard) => {
                Err(Failure::new(Code::Canceled, "the lease on the job is lost"))
            }
        }
    }
}
