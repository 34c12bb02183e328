//! Image files in a tar archive. A plain archive is read in place; of a compressed one, the images that are used are
//! unpacked into memory.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::Files;
use super::pictures::{Opening, Pictures, Source};
use super::{archive, digest};
use crate::checkpoint::read_file::ReadFile;
use crate::checkpoint::regular_file;
use crate::checkpoint::tar_archive::{self, Limited, MAX_HEADER_BYTES};
use crate::data::error::DataError;
use crate::data::format::Packing;
use crate::data::image::held::{Held, bounded};
use crate::data::limits::Limits;

/// Opens an archive.
///
/// # Errors
/// Returns [`DataError`] if the archive cannot be read, or holds no images.
pub(super) fn open(
    path: &Path,
    name: &str,
    packing: Packing,
    opening: &Opening<'_>,
) -> Result<Source, DataError> {
    let tar = Tar {
        path: path.to_owned(),
        name: name.to_owned(),
        packing,
        limits: *opening.limits,
    };
    let entries = tar.entries()?;
    let held = match packing {
        Packing::Plain => {
            let file = Arc::new(regular_file::open(path).map_err(|error| tar.failed(error))?);
            let span = |entry: &Entry| Held::Span {
                file: file.clone(),
                first: entry.first,
                bytes: entry.bytes,
            };
            Some(entries.iter().map(span).collect())
        }
        Packing::Gzip | Packing::Zstd => None,
    };
    let pictures = Packed {
        record: digest::record(path, name)?,
        held,
        indices: entries.iter().map(|entry| entry.index).collect(),
        tar,
    };
    let read = |index: usize| {
        let table = format!("{name}/{}", entries[index].path);
        let held = pictures.take(&[index])?;
        let bytes = held[0].read(&table)?.into_owned();
        opening.parse(&table, bytes)
    };
    let files = Files {
        holder: name,
        paths: entries.iter().map(|entry| entry.path.clone()).collect(),
        pictures: Arc::new(pictures.clone()),
    };
    files.source(opening, &read)
}

/// An image or a table in an archive.
struct Entry {
    path: String,
    /// Index among all entries.
    index: usize,
    /// First byte of the content in the decompressed archive.
    first: u64,
    bytes: u64,
}

/// An archive.
#[derive(Clone)]
struct Tar {
    path: PathBuf,
    name: String,
    packing: Packing,
    limits: Limits,
}

impl Tar {
    fn failed(&self, source: io::Error) -> DataError {
        DataError::Io {
            path: self.name.clone(),
            source,
        }
    }

    /// Starts to read the decompressed archive.
    fn read(&self) -> Result<tar_archive::Tar<Box<dyn Read>>, DataError> {
        let file = regular_file::open(&self.path).map_err(|error| self.failed(error))?;
        let limit = self.limits.file_bytes;
        let reader: Box<dyn Read> = match self.packing {
            Packing::Plain => Box::new(io::BufReader::new(file)),
            Packing::Gzip => Box::new(Capped(flate2::read::MultiGzDecoder::new(file), limit)),
            Packing::Zstd => {
                let decoder = zstd::Decoder::new(file).map_err(|error| self.failed(error))?;
                Box::new(Capped(decoder, limit))
            }
        };
        Ok(tar_archive::Tar::new(reader))
    }

    /// Returns the images and tables.
    fn entries(&self) -> Result<Vec<Entry>, DataError> {
        if self.packing == Packing::Plain {
            // A seek skips the content of the entries.
            let file = regular_file::open(&self.path).map_err(|error| self.failed(error))?;
            let length = file.metadata().map_err(|error| self.failed(error))?.len();
            let mut archive = tar_archive::Tar::new(file);
            let entries = archive
                .entries_with_seek()
                .map_err(|error| self.broken(&error))?;
            return self.wanted(entries, Some(length));
        }
        let mut archive = self.read()?;
        let entries = archive.entries().map_err(|error| self.broken(&error))?;
        self.wanted(entries, None)
    }

    fn wanted<R: Read>(
        &self,
        entries: Limited<'_, R>,
        length: Option<u64>,
    ) -> Result<Vec<Entry>, DataError> {
        let name = &self.name;
        let mut found = Vec::new();
        let mut names = archive::NameBytes::default();
        for (index, entry) in entries.enumerate() {
            archive::check_entries(name, index, &self.limits)?;
            let entry = entry.map_err(|error| self.broken(&error))?;
            let kind = entry.header().entry_type();
            if !(kind.is_file() || kind.is_hard_link() || kind.is_symlink() || kind.is_gnu_sparse())
            {
                continue;
            }
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let Some(path) = archive::wanted(name, &path)? else {
                continue;
            };
            names.add(name, &path)?;
            if !kind.is_file() {
                let remedy =
                    "create it with tar -h, which stores the files that the links point to";
                return Err(archive::link(name, &path, remedy));
            }
            let (first, bytes) = (entry.raw_file_position(), entry.size());
            if length.is_some_and(|length| first.saturating_add(bytes) > length) {
                return Err(DataError::Invalid(format!(
                    "{name} is truncated: it ends within {path}; create it or copy it again"
                )));
            }
            found.push(Entry {
                path,
                index,
                first,
                bytes,
            });
        }
        Ok(found)
    }

    fn broken(&self, error: &io::Error) -> DataError {
        let name = &self.name;
        if error.get_ref().is_some_and(|inner| inner.is::<TooLarge>())
            || error.to_string().contains(TOO_LARGE)
        {
            return archive::too_large(name, self.limits.file_bytes);
        }
        if tar_archive::has_long_headers(error) {
            return DataError::Limit(format!(
                "{name} contains an entry with a name or extended headers of more than {MAX_HEADER_BYTES} bytes, which is the limit; \
                 create it again with shorter names"
            ));
        }
        DataError::Invalid(format!(
            "{name} is not a readable tar archive: it is truncated, damaged, or has another format; create it again with tar -cf"
        ))
    }
}

/// The images of an archive.
#[derive(Clone)]
struct Packed {
    tar: Tar,
    record: ReadFile,
    /// Where the images are in an archive that is not compressed.
    held: Option<Vec<Held>>,
    /// The index of each image among all entries.
    indices: Vec<usize>,
}

impl Pictures for Packed {
    fn take(&self, rows: &[usize]) -> Result<Vec<Held>, DataError> {
        if let Some(held) = &self.held {
            return Ok(rows.iter().map(|&row| held[row].clone()).collect());
        }
        let mut wanted: HashMap<usize, Vec<usize>> = HashMap::new();
        for (place, &row) in rows.iter().enumerate() {
            wanted.entry(self.indices[row]).or_default().push(place);
        }
        let mut found: Vec<Option<Held>> = vec![None; rows.len()];
        let mut archive = self.tar.read()?;
        let entries = archive.entries().map_err(|error| self.tar.broken(&error))?;
        for (index, entry) in entries.enumerate() {
            let entry = entry.map_err(|error| self.tar.broken(&error))?;
            if let Some(places) = wanted.get(&index) {
                let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                let place = format!("{}, {path}", self.tar.name);
                let bytes = bounded(entry, &place, |error| self.tar.broken(&error))?;
                for &place in places {
                    found[place] = Some(Held::Bytes(bytes.clone()));
                }
            }
        }
        let found: Option<Vec<Held>> = found.into_iter().collect();
        found.ok_or_else(|| {
            DataError::Invalid(format!("{} changed while it was read", self.tar.name))
        })
    }

    fn files(&self) -> Option<Vec<ReadFile>> {
        Some(vec![self.record.clone()])
    }
}

/// Text of the error of [`Capped`].
const TOO_LARGE: &str = "the decompressed archive is too large";

/// The error of [`Capped`].
#[derive(Debug, thiserror::Error)]
#[error("{TOO_LARGE}")]
struct TooLarge;

/// A reader that fails after this number of bytes.
struct Capped<R>(R, u64);

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1 = self
            .1
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other(TooLarge))?;
        Ok(count)
    }
}
