//! Reads the entries of a tar archive, with a limit on what precedes each of them.
//!
//! The library keeps long names and extended headers in memory before it returns an entry, whatever their size. Here, the
//! reader below it ends with an error instead.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use tar::{Archive, Entries, Entry};

/// Maximum size of all headers of one entry, in bytes: long names and extended headers included.
pub const MAX_HEADER_BYTES: u64 = 1 << 20;

/// Size of the blocks of an archive, in bytes.
const BLOCK_BYTES: u64 = 512;

/// The error for an entry with longer headers.
#[derive(Debug, thiserror::Error)]
#[error("the headers of an entry are too long")]
pub struct HeadersTooLong;

/// Returns whether reading failed because the headers of an entry are too long.
#[must_use]
pub fn has_long_headers(error: &io::Error) -> bool {
    let cause = error.get_ref();
    let is_own = cause.is_some_and(|cause| cause.is::<HeadersTooLong>());
    // The library wraps some errors in others, with the same text.
    is_own || error.to_string().contains(&HeadersTooLong.to_string())
}

/// A reader that knows its place, and ends with an error at the limit.
pub struct Metered<R> {
    inner: R,
    place: u64,
    limit: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.limit.get().saturating_sub(self.place);
        let length = (buffer.len() as u64).min(left) as usize;
        if length == 0 && !buffer.is_empty() {
            return Err(io::Error::other(HeadersTooLong));
        }
        let count = self.inner.read(&mut buffer[..length])?;
        self.place += count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.place = self.inner.seek(to)?;
        Ok(self.place)
    }
}

/// An archive.
pub struct Tar<R: Read> {
    archive: Archive<Metered<R>>,
    limit: Rc<Cell<u64>>,
}

impl<R: Read> Tar<R> {
    /// Wraps a reader at the beginning of an archive.
    #[must_use]
    pub fn new(inner: R) -> Self {
        let limit = Rc::new(Cell::new(0));
        let metered = Metered {
            inner,
            place: 0,
            limit: limit.clone(),
        };
        Self {
            archive: Archive::new(metered),
            limit,
        }
    }

    /// Returns the entries, in order. The content of an entry must be read before the next one is taken.
    ///
    /// # Errors
    /// Returns an error if the reader is not at the beginning of the archive.
    pub fn entries(&mut self) -> io::Result<Limited<'_, R>> {
        Ok(Limited {
            entries: self.archive.entries()?,
            limit: self.limit.clone(),
            next: 0,
        })
    }
}

impl<R: Read + Seek> Tar<R> {
    /// Does the same, and skips the content that is not read.
    ///
    /// # Errors
    /// Returns an error if the reader is not at the beginning of the archive.
    pub fn entries_with_seek(&mut self) -> io::Result<Limited<'_, R>> {
        Ok(Limited {
            entries: self.archive.entries_with_seek()?,
            limit: self.limit.clone(),
            next: 0,
        })
    }
}

/// The entries of an archive.
pub struct Limited<'a, R: Read> {
    entries: Entries<'a, Metered<R>>,
    limit: Rc<Cell<u64>>,
    /// The place at which the next entry begins.
    next: u64,
}

impl<'a, R: Read> Iterator for Limited<'a, R> {
    type Item = io::Result<Entry<'a, Metered<R>>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.limit.set(self.next.saturating_add(MAX_HEADER_BYTES));
        let entry = self.entries.next()?;
        // The content of the entry is not a header.
        self.limit.set(u64::MAX);
        Some(entry.and_then(|entry| {
            // A sparse file is larger than what is stored of it.
            let stored = match entry.header().entry_type().is_gnu_sparse() {
                true => entry.header().entry_size()?,
                false => entry.size(),
            };
            let end = entry.raw_file_position().saturating_add(stored);
            self.next = end
                .checked_next_multiple_of(BLOCK_BYTES)
                .unwrap_or(u64::MAX);
            Ok(entry)
        }))
    }
}
