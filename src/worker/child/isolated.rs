//! The core in child processes, behind the same interface as the core in this process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::message::Answer;
use super::process::{Process, Program, Timeout};
use super::task::{Paths, Task, Work};
use crate::file_name::beside;
use crate::job::queue::Device;
use crate::prune::admission::{Inspection, Kind};
use crate::prune::failure::{Code, Failure};
use crate::prune::journal::{Journal, NoJournal};
use crate::prune::places::Places;
use crate::prune::plan::Plan;
use crate::prune::recipe::{Mapping, Recipe};
use crate::prune::report::Report;
use crate::prune::watch::Watch;
use crate::worker::pruner::Pruner;
use crate::worker::source::roots::Roots;

/// Time for opening an upload, or for planning a job whose sources are on this machine.
const READING_TIMEOUT: Duration = Duration::from_secs(120);

/// The core in a child process on this device.
#[derive(Clone, Debug)]
pub struct Isolated {
    /// The program to start.
    pub program: Program,
    /// The device that the child opens.
    pub device: Device,
    /// The folders in which sources may be. A child reads no file elsewhere, but for sources that this service has fetched.
    pub roots: Roots,
    /// Longest time for reading the model and the data of a job.
    pub max_preparing: Duration,
}

impl Isolated {
    /// Runs a task and returns the child's answer.
    fn answer(
        &self,
        work: Work,
        journal: &dyn Journal,
        watch: &dyn Watch,
        timeout: Timeout,
    ) -> Result<Answer, Failure> {
        let sources = work.sources().into_iter();
        let mut readable: Vec<PathBuf> = sources
            .flat_map(|source| self.roots.around(source))
            .collect();
        readable.extend(work.workplace().map(Path::to_owned));
        let task = Task {
            work,
            device: self.device,
            readable,
        };
        Process::start(&self.program, &task)?.follow(journal, watch, timeout)
    }

    /// Does the same for a task that only reads.
    fn read(&self, work: Work, watch: &dyn Watch) -> Result<Answer, Failure> {
        self.answer(work, &NoJournal, watch, Timeout::Whole(READING_TIMEOUT))
    }
}

/// The failure if the child answers another question than was asked.
fn unasked() -> Failure {
    Failure::new(
        Code::Internal,
        "the child process returned another kind of result than was asked for",
    )
}

impl Pruner for Isolated {
    fn run(
        &self,
        places: &Places,
        recipe: &Recipe,
        journal: &dyn Journal,
        watch: &dyn Watch,
    ) -> Result<Report, Failure> {
        // Beside the output folder, which must appear only when it is complete.
        let exchange = beside(&places.out, ".exchange");
        let work = Work::Run {
            places: Paths::of(places),
            recipe: Box::new(recipe.clone()),
            exchange: exchange.clone(),
        };
        let timeout = Timeout::Preparing(self.max_preparing);
        let answer = self.answer(work, journal, watch, timeout);
        // The folder does not exist if no document passed through it.
        let _ = std::fs::remove_dir_all(&exchange);
        match answer? {
            Answer::Report(report) => Ok(*report),
            _ => Err(unasked()),
        }
    }

    fn estimate(
        &self,
        places: &Places,
        recipe: &Recipe,
        watch: &dyn Watch,
    ) -> Result<Plan, Failure> {
        let work = Work::Estimate {
            places: Paths::of(places),
            recipe: Box::new(recipe.clone()),
        };
        match self.read(work, watch)? {
            Answer::Plan(plan) => Ok(*plan),
            _ => Err(unasked()),
        }
    }

    fn open(&self, path: &Path, kind: Kind, watch: &dyn Watch) -> Result<(), Failure> {
        let work = Work::Open {
            path: path.to_owned(),
            kind,
        };
        match self.read(work, watch)? {
            Answer::Opened => Ok(()),
            _ => Err(unasked()),
        }
    }

    fn inspect(
        &self,
        path: &Path,
        mapping: &Mapping,
        watch: &dyn Watch,
    ) -> Result<Inspection, Failure> {
        let work = Work::Inspect {
            path: path.to_owned(),
            mapping: mapping.clone(),
        };
        match self.read(work, watch)? {
            Answer::Inspected(inspection) => Ok(*inspection),
            _ => Err(unasked()),
        }
    }
}
