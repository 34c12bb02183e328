//! Shows the progress of a run as a bar on standard error.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::interrupt;
use crate::prune::failure::{Code, Failure};
use crate::prune::stage::Stage;
use crate::prune::watch::Watch;

/// A progress bar that restarts with each stage.
pub(super) struct Bar {
    bar: ProgressBar,
    stage: Mutex<Option<Stage>>,
}

impl Bar {
    /// Creates a bar. It is not drawn yet, and never if standard error is not a terminal.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template(
            "{msg:<13} [{bar:32}] {pos:>6}/{len:<6} {elapsed:>4}, {eta} left",
        );
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self {
            bar,
            stage: Mutex::new(None),
        }
    }

    /// Starts a stage. Does nothing if it is already the current stage.
    pub(super) fn enter(&self, stage: Stage) {
        let mut current = self
            .stage
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if current.replace(stage) != Some(stage) {
            self.bar.reset();
            self.bar.set_length(0);
            self.bar.set_message(stage.as_str());
        }
    }

    /// Shows how much of the stage is done.
    pub(super) fn advance(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// Removes the bar.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Bar {
    fn stage(&self, stage: Stage) {
        self.enter(stage);
    }

    fn progress(&self, done: u64, total: u64) {
        self.advance(done, total);
    }

    fn proceed(&self) -> Result<(), Failure> {
        match interrupt::requested() {
            true => Err(Failure::new(Code::Canceled, "interrupted")),
            false => Ok(()),
        }
    }
}
