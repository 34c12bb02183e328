//! A file that several threads read at the same time, each at its own place.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A reader of a shared file, with its own place in it.
#[derive(Clone)]
pub(super) struct Window {
    file: Arc<File>,
    at: u64,
    budget: Budget,
}

/// The number of bytes that may still be read from a file. Copies share it.
#[derive(Clone)]
pub(super) struct Budget(Arc<AtomicU64>);

impl Budget {
    /// Allows this number of bytes.
    pub(super) fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    /// Allows any number of bytes from now on.
    pub(super) fn lift(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }

    /// Whether everything was read that is allowed.
    pub(super) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Takes at most this number of bytes, and returns how many.
    fn take(&self, wanted: usize) -> usize {
        match self.0.load(Ordering::Relaxed) {
            u64::MAX => wanted,
            left => {
                let taken = left.min(wanted as u64);
                self.0.store(left - taken, Ordering::Relaxed);
                taken as usize
            }
        }
    }
}

impl Window {
    pub(super) fn new(file: Arc<File>, budget: Budget) -> Self {
        Self {
            file,
            at: 0,
            budget,
        }
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.budget.take(buffer.len());
        if length == 0 && !buffer.is_empty() {
            return Err(io::Error::other("nothing more may be read"));
        }
        let count = self.file.read_at(&mut buffer[..length], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let moved = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = moved.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
