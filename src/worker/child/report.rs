//! What a child process tells its parent.

use std::io::Stdout;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::memory;
use super::message::{self, Message};
use crate::prune::failure::Failure;
use crate::prune::stage::Stage;
use crate::prune::watch::Watch;

/// Shortest time between two reports of progress within a stage.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Writes messages to standard output.
pub(super) struct Reports {
    output: Mutex<Stdout>,
    /// Time of the last report of progress.
    last: Mutex<Option<Instant>>,
}

impl Reports {
    /// Creates the writer.
    pub(super) fn new() -> Self {
        Self {
            output: Mutex::new(std::io::stdout()),
            last: Mutex::new(None),
        }
    }

    /// Sends a message. Ends this process if the parent does not listen any more: nobody needs the result.
    pub(super) fn send(&self, message: &Message) {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        if message::write(&mut *output, message).is_err() {
            std::process::exit(1);
        }
    }

    /// Returns whether progress is due, and remembers this report.
    fn is_due(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

impl Watch for Reports {
    fn stage(&self, stage: Stage) {
        self.send(&Message::Stage(stage));
    }

    fn progress(&self, done: u64, total: u64) {
        if self.is_due() || done == total {
            self.send(&Message::Progress { done, total });
        }
    }

    /// The parent kills this process if the attempt must stop.
    fn proceed(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn needs_memory(&self, bytes: u64) {
        memory::limit_running(bytes);
    }
}
