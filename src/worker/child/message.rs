//! Messages between a child process and its parent: one JSON object per line.

use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::prune::admission::Inspection;
use crate::prune::failure::Failure;
use crate::prune::plan::Plan;
use crate::prune::report::Report;
use crate::prune::stage::Stage;

/// Maximum size of a message, in bytes. The report is the largest one.
const MAX_BYTES: u64 = 256 << 20;

/// A message of the child.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// A stage begins.
    Stage(Stage),
    /// Progress within the stage.
    Progress {
        /// Units of work done.
        done: u64,
        /// Units of work in total.
        total: u64,
    },
    /// Asks for a document of the stage cache. The parent replies.
    Load(Document),
    /// Asks to store a document of the stage cache. The parent replies.
    Store(Document),
    /// The task succeeded. Nothing follows.
    Done(Answer),
    /// The task failed. Nothing follows.
    Failed(Failure),
}

/// A document of the stage cache and the file that holds its content.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Document {
    /// Name of the document.
    pub(super) name: String,
    /// Digest of everything that the document depends on.
    pub(super) digest: String,
    /// The file, which the receiver removes.
    pub(super) file: PathBuf,
}

/// The result of a task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The model is pruned.
    Report(Box<Report>),
    /// The job is planned.
    Plan(Box<Plan>),
    /// The model or the data file is readable.
    Opened,
    /// What the dataset holds.
    Inspected(Box<Inspection>),
}

/// The reply to a request for a document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// The file holds the document that was asked for.
    Loaded,
    /// The stage cache does not have the document.
    Missing,
    /// The document is stored.
    Stored,
    /// The stage cache cannot be read or written.
    Failed(Failure),
}

/// Writes one message.
pub(super) fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads one message. Returns `None` at the end.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.take(MAX_BYTES).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(serde_json::from_slice(&line)?)),
        Some(_) => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "a message was cut off",
        )),
    }
}
