//! Runs the core in a child process of the same binary.
//!
//! Models, tokenizers and data come from tenants. Whatever they make the core do, it happens in a process of its own: one that
//! may use a limited amount of memory ([`memory`]), that ends with the attempt, and whose crash is a failure of this attempt
//! alone. No other job and no connection of the service notices.
//!
//! - The parent starts `optin child` ([`process`]), and writes one [`task`] to its standard input.
//! - The child reports its progress on standard output, and ends with a result or a failure ([`message`]).
//! - The stage cache belongs to the parent. Its documents pass through files in a folder that both know ([`journal`]).
//! - The parent kills the child if the attempt must stop. The child exits if its standard input closes, so it never outlives
//!   its parent.

mod journal;
pub mod memory;
mod message;
mod process;
mod report;
mod task;
mod work;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pruner::Pruner;
use crate::prune::admission::Kind;
use crate::prune::failure::{Code, Failure};
use crate::prune::journal::{Journal, NoJournal};
use crate::prune::places::Places;
use crate::prune::plan::Plan;
use crate::prune::recipe::Recipe;
use crate::prune::report::Report;
use crate::prune::watch::Watch;
use message::Answer;
use process::Process;
pub use task::DeviceName;
use task::{Paths, Task, Work};
pub use work::work;

/// Name of the hidden command that runs a child process.
pub const COMMAND: &str = "child";

/// Time for opening an upload, or for planning a job whose sources are on this machine.
const READING_TIMEOUT: Duration = Duration::from_secs(120);

/// The core in a child process on this device.
#[derive(Clone, Debug)]
pub struct Isolated {
    /// The binary to start, which is this one.
    pub program: PathBuf,
    /// The environment of the child. It must not contain secrets.
    pub environment: Vec<(OsString, OsString)>,
    /// The device that the child opens.
    pub device: DeviceName,
}

impl Isolated {
    /// Runs a task and returns the child's answer.
    fn answer(
        &self,
        work: Work,
        exchange: PathBuf,
        journal: &dyn Journal,
        watch: &dyn Watch,
        timeout: Option<Duration>,
    ) -> Result<Answer, Failure> {
        let task = Task {
            work,
            device: self.device,
            exchange,
        };
        Process::start(self, &task)?.follow(journal, watch, timeout)
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
        let exchange = beside(&places.out);
        let work = Work::Run {
            places: Paths::of(places),
            recipe: Box::new(recipe.clone()),
        };
        match self.answer(work, exchange, journal, watch, None)? {
            Answer::Report(report) => Ok(*report),
            Answer::Plan(_) | Answer::Opened => Err(unasked()),
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
        match self.answer(
            work,
            PathBuf::new(),
            &NoJournal,
            watch,
            Some(READING_TIMEOUT),
        )? {
            Answer::Plan(plan) => Ok(*plan),
            Answer::Report(_) | Answer::Opened => Err(unasked()),
        }
    }

    fn open(&self, path: &Path, kind: Kind, watch: &dyn Watch) -> Result<(), Failure> {
        let work = Work::Open {
            path: path.to_owned(),
            kind,
        };
        match self.answer(
            work,
            PathBuf::new(),
            &NoJournal,
            watch,
            Some(READING_TIMEOUT),
        )? {
            Answer::Opened => Ok(()),
            Answer::Report(_) | Answer::Plan(_) => Err(unasked()),
        }
    }
}

/// Returns the path of the folder through which documents pass.
fn beside(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".exchange");
    out.with_file_name(name)
}
