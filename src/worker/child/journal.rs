//! The stage cache as a child process sees it: it asks its parent, and the documents pass through files.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use super::message::{Document, Message, Reply};
use super::report::Reports;
use crate::prune::failure::{Code, Failure};
use crate::prune::journal::Journal;

/// The stage cache of the parent.
pub(super) struct Asked<'a> {
    /// Writer of the questions.
    pub(super) reports: &'a Reports,
    /// The replies, in the order of the questions.
    pub(super) replies: Mutex<Receiver<Reply>>,
    /// Folder of the files.
    pub(super) exchange: PathBuf,
    /// Number of files so far.
    pub(super) files: AtomicU64,
}

impl Asked<'_> {
    /// Returns the place of a document.
    fn document(&self, name: &str, digest: &str) -> Result<Document, Failure> {
        fs::create_dir_all(&self.exchange)?;
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        Ok(Document {
            name: name.to_owned(),
            digest: digest.to_owned(),
            file: self.exchange.join(number.to_string()),
        })
    }

    /// Asks the parent and waits for its reply.
    fn ask(&self, question: &Message) -> Result<Reply, Failure> {
        // One question at a time, so that the next reply belongs to it.
        let replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        self.reports.send(question);
        let gone = |_| Failure::new(Code::Internal, "the parent process has ended");
        match replies.recv().map_err(gone)? {
            Reply::Failed(failure) => Err(failure),
            reply => Ok(reply),
        }
    }
}

impl Journal for Asked<'_> {
    fn load(&self, name: &str, digest: &str) -> Result<Option<Vec<u8>>, Failure> {
        let document = self.document(name, digest)?;
        let file = document.file.clone();
        match self.ask(&Message::Load(document))? {
            Reply::Loaded => {
                let content = fs::read(&file)?;
                fs::remove_file(&file)?;
                Ok(Some(content))
            }
            _ => Ok(None),
        }
    }

    fn store(&self, name: &str, digest: &str, content: &[u8]) -> Result<(), Failure> {
        let document = self.document(name, digest)?;
        fs::write(&document.file, content)?;
        self.ask(&Message::Store(document)).map(drop)
    }
}
