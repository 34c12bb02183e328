//! A child process as its parent sees it: starts it, follows its messages, and explains how it ended.

use std::ffi::OsString;
use std::fs;
use std::io::BufReader;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::errors::Errors;
use super::message::{self, Answer, Document, Message, Reply};
use super::task::Task;
use crate::prune::failure::{Code, Failure};
use crate::prune::journal::Journal;
use crate::prune::stage::Stage;
use crate::prune::watch::Watch;

/// Name of the hidden command that runs a child process.
pub const COMMAND: &str = "child";

/// Interval between checks whether the attempt must stop.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Time for the exit of a child that has closed its output.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// What a child process runs.
#[derive(Clone, Debug)]
pub struct Program {
    /// The path of the binary, which is that of this process.
    pub path: PathBuf,
    /// The environment of the child. It must not contain secrets.
    pub environment: Vec<(OsString, OsString)>,
}

/// How long a child may take.
#[derive(Clone, Copy, Debug)]
pub(super) enum Timeout {
    /// For everything.
    Whole(Duration),
    /// Until the model and the data are read. What follows takes as long as it takes.
    Preparing(Duration),
}

impl Timeout {
    /// Returns the failure of a child in this stage, if it has taken too long.
    fn failure(self, elapsed: Duration, stage: Option<Stage>) -> Option<Failure> {
        let (limit, remedy) = match (self, stage) {
            (Self::Whole(limit), _) => (limit, ""),
            (Self::Preparing(limit), None | Some(Stage::Preparing)) => (
                limit,
                ", or ask the operator for more time (--max-preparing)",
            ),
            (Self::Preparing(_), Some(_)) => return None,
        };
        if elapsed <= limit {
            return None;
        }
        let detail = format!(
            "reading the model and the data takes longer than {} s; use a smaller model, fewer rows or shorter texts{remedy}",
            limit.as_secs()
        );
        let failure = Failure::new(Code::LimitExceeded, detail);
        Some(match stage {
            Some(stage) => failure.in_stage(stage),
            None => failure,
        })
    }
}

/// A running child. It is killed when this value is dropped.
pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Message>,
    errors: Option<JoinHandle<Errors>>,
    /// The stage that the child has reported last.
    stage: Option<Stage>,
}

impl Process {
    /// Starts a child with a task.
    pub(super) fn start(program: &Program, task: &Task) -> Result<Self, Failure> {
        let internal =
            |error| Failure::new(Code::Internal, format!("could not start a child: {error}"));
        let mut child = Command::new(&program.path)
            .arg0(env!("CARGO_PKG_NAME"))
            .arg(COMMAND)
            .env_clear()
            .envs(program.environment.clone())
            // A signal from a terminal is for the service, which then decides about its children.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(internal)?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            unreachable!("all three streams are pipes");
        };
        let mut process = Self {
            child,
            input,
            messages: listen(output),
            errors: Some(std::thread::spawn(move || Errors::read(errors))),
            stage: None,
        };
        // If the child has ended already, `follow` says why.
        let _ = message::write(&mut process.input, task);
        Ok(process)
    }

    /// Follows the child until it ends, and returns its answer. It is killed if the attempt must stop.
    pub(super) fn follow(
        mut self,
        journal: &dyn Journal,
        watch: &dyn Watch,
        timeout: Timeout,
    ) -> Result<Answer, Failure> {
        let start = Instant::now();
        loop {
            watch.proceed()?;
            if let Some(failure) = timeout.failure(start.elapsed(), self.stage) {
                return Err(failure);
            }
            match self.messages.recv_timeout(CHECK_INTERVAL) {
                Ok(Message::Stage(stage)) => {
                    self.stage = Some(stage);
                    watch.stage(stage);
                }
                Ok(Message::Progress { done, total }) => watch.progress(done, total),
                Ok(Message::Load(document)) => self.reply(load(&document, journal)),
                Ok(Message::Store(document)) => self.reply(store(&document, journal)),
                Ok(Message::Done(answer)) => return Ok(answer),
                Ok(Message::Failed(failure)) => return Err(failure),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.crash()),
            }
        }
    }

    fn reply(&mut self, reply: Result<Reply, Failure>) {
        // If the child has ended, the next message says so.
        let _ = message::write(&mut self.input, &reply.unwrap_or_else(Reply::Failed));
    }

    /// Kills the child with all processes that it has started. Returns whether it was still running.
    fn kill(&mut self) -> bool {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // After the status of an ended child was read, another process may have its id.
        match (group, self.child.try_wait()) {
            (Some(group), Ok(None)) => kill_process_group(group, Signal::KILL).is_ok(),
            _ => false,
        }
    }

    /// Explains why the child ended without an outcome.
    fn crash(&mut self) -> Failure {
        let start = Instant::now();
        while let (Ok(None), true) = (self.child.try_wait(), start.elapsed() < EXIT_TIMEOUT) {
            std::thread::sleep(CHECK_INTERVAL);
        }
        // Only a child that wrote an unreadable message is still running.
        let is_mute = self.kill();
        let status = self.child.wait();
        let errors = self.errors.take().and_then(|errors| errors.join().ok());
        let errors = errors.unwrap_or_default();
        let text = &errors.text;
        tracing::error!(?status, stage = ?self.stage, errors = %text, "a child process crashed");
        let failure = match status {
            Ok(status) => explained(status, is_mute, &errors),
            Err(error) => Failure::new(Code::Internal, format!("lost a child process: {error}")),
        };
        match self.stage {
            Some(stage) => failure.in_stage(stage),
            None => failure,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        // This fails if the child has ended.
        let _ = self.child.wait();
    }
}

/// Explains the exit status of a child. `is_mute` says that this process has killed it.
fn explained(status: ExitStatus, is_mute: bool, errors: &Errors) -> Failure {
    // The kernel kills a process with SIGKILL if the machine or the control group has no memory left.
    let killed = status.signal() == Some(Signal::KILL.as_raw()) && !is_mute;
    match killed || errors.lack_memory {
        true => Failure::new(
            Code::OutOfMemory,
            "the job needs more memory than it may use; use a smaller model, fewer rows (max_samples, scoring_samples), \
             shorter texts or a machine with more memory",
        ),
        false => Failure::new(
            Code::Crashed,
            format!(
                "the process of the job ended unexpectedly ({status}); if this happens again, please report it with the model's \
                 config.json"
            ),
        ),
    }
}

/// Passes on the messages of a child until it closes its output.
fn listen(output: ChildStdout) -> Receiver<Message> {
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        // An unreadable message ends the conversation like a crash.
        while let Ok(Some(message)) = message::read(&mut output) {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    messages
}

/// Writes a document of the stage cache to its file, if there is one.
fn load(document: &Document, journal: &dyn Journal) -> Result<Reply, Failure> {
    match journal.load(&document.name, &document.digest)? {
        Some(content) => {
            fs::write(&document.file, content)?;
            Ok(Reply::Loaded)
        }
        None => Ok(Reply::Missing),
    }
}

/// Stores a document from its file, and removes the file.
fn store(document: &Document, journal: &dyn Journal) -> Result<Reply, Failure> {
    let file: &Path = &document.file;
    journal.store(&document.name, &document.digest, &fs::read(file)?)?;
    fs::remove_file(file)?;
    Ok(Reply::Stored)
}
