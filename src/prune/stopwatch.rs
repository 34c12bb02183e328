//! Runs the stages one by one, tells the watch, and remembers how long each took and what it computed.

use std::time::Instant;

use super::failure::Failure;
use super::report::StageTime;
use super::stage::Stage;
use super::watch::Watch;
use crate::model::nn::meter;

/// The stages so far.
pub struct Stopwatch<'a> {
    watch: &'a dyn Watch,
    times: Vec<StageTime>,
}

impl<'a> Stopwatch<'a> {
    /// None so far.
    #[must_use]
    pub fn new(watch: &'a dyn Watch) -> Self {
        Self {
            watch,
            times: Vec::new(),
        }
    }

    /// Runs one stage, unless someone asked to stop.
    ///
    /// # Errors
    /// What the stage answers, placed in it.
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

    /// Time and work of each stage that ended.
    #[must_use]
    pub fn times(self) -> Vec<StageTime> {
        self.times
    }
}
