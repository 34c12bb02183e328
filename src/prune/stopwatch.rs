//! Runs the stages one by one, reports them to the watch, and records the time and the MACs of each.

use std::time::Instant;

use super::failure::Failure;
use super::report::StageTime;
use super::stage::Stage;
use super::watch::Watch;
use crate::model::nn::meter;

/// Runner and record of the stages.
pub struct Stopwatch<'a> {
    watch: &'a dyn Watch,
    times: Vec<StageTime>,
}

impl<'a> Stopwatch<'a> {
    /// Creates a stopwatch without any stages.
    #[must_use]
    pub fn new(watch: &'a dyn Watch) -> Self {
        Self {
            watch,
            times: Vec::new(),
        }
    }

    /// Runs one stage, unless the job must stop.
    ///
    /// # Errors
    /// Returns the failure of the stage or of the watch, with the stage set.
    pub fn time<T>(
        &mut self,
        stage: Stage,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.watch.stage(stage);
        let start = Instant::now();
        let (answer, macs) = meter::measure(|| self.watch.proceed().and_then(|()| work()));
        let answer = answer.map_err(|failure| failure.in_stage(stage))?;
        self.times.push(StageTime {
            stage,
            ms: start.elapsed().as_millis() as u64,
            macs,
        });
        Ok(answer)
    }

    /// Returns time and MACs of each completed stage.
    #[must_use]
    pub fn times(self) -> Vec<StageTime> {
        self.times
    }
}
