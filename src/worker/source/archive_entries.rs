//! Indexes the entries of a tar archive by path, and resolves links within the archive.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path};

use crate::checkpoint::tar_archive::{MAX_HEADER_BYTES, Tar, has_long_headers};
use crate::prune::failure::{Code, Failure};

/// Maximum number of entries in an archive; a model has a few dozen.
const MAX_ENTRIES: usize = 10_000;

/// Maximum length of a path, in bytes.
const MAX_PATH_BYTES: usize = 4096;

/// Maximum length of all paths and targets of links together, in bytes. They are in the memory of the service while it unpacks the
/// archive.
const MAX_PATHS_BYTES: usize = 4 << 20;

/// Maximum number of nested folders above a file.
const MAX_DEPTH: usize = 8;

/// Maximum length of a chain of links.
const MAX_LINKS: usize = 8;

/// The files and links of an archive.
#[derive(Default)]
pub(super) struct Entries {
    found: HashMap<String, Entry>,
    /// The paths, in the order of the archive.
    paths: Vec<String>,
    duplicates: HashSet<String>,
    /// Length of all paths and targets of links together.
    path_bytes: usize,
}

enum Entry {
    /// A file, with its index among all entries.
    File(usize),
    /// A link to this path; `None` if the target is outside the archive, too deep, or not UTF-8.
    Link(Option<String>),
}

impl Entries {
    /// Reads the headers of all entries. Entries whose paths lead out of the archive, are too deep or are not UTF-8 are
    /// ignored.
    ///
    /// # Errors
    /// Returns an error if this is not a tar archive, if it is truncated, or if it has too many entries.
    pub(super) fn read(archive: &mut (impl Read + Seek)) -> Result<Self, Failure> {
        let bytes = archive.seek(SeekFrom::End(0))?;
        archive.seek(SeekFrom::Start(0))?;
        let mut archive = Tar::new(archive);
        let mut entries = Self::default();
        for (index, entry) in archive.entries_with_seek().map_err(broken)?.enumerate() {
            if index >= MAX_ENTRIES {
                return Err(invalid(format!(
                    "the archive has more than {MAX_ENTRIES} entries"
                )));
            }
            let entry = entry.map_err(broken)?;
            if entry.header().entry_type().is_gnu_sparse() {
                return Err(invalid(
                    "the archive holds sparse files, whose content is larger than the archive; create it without tar -S",
                ));
            }
            let path = entry.path().map_err(broken)?.into_owned();
            let stored = entry.header().entry_size().map_err(broken)?;
            if entry.raw_file_position().saturating_add(stored) > bytes {
                return Err(invalid(format!(
                    "the archive is truncated: it ends within {}; create it or upload it again",
                    path.display()
                )));
            }
            let kind = entry.header().entry_type();
            let Some(path) = plain(Path::new(""), &path) else {
                continue;
            };
            let found = if kind.is_file() {
                Entry::File(index)
            } else if kind.is_hard_link() || kind.is_symlink() {
                let target = entry.link_name().map_err(broken)?.unwrap_or_default();
                // The target of a hard link is relative to the top of the archive, that of a symbolic link to its
                // folder.
                let from = match kind.is_symlink() {
                    true => Path::new(&path).parent().unwrap_or(Path::new("")),
                    false => Path::new(""),
                };
                Entry::Link(plain(from, &target))
            } else {
                continue;
            };
            entries.count(&path, &found)?;
            if entries.found.insert(path.clone(), found).is_some() {
                entries.duplicates.insert(path);
            } else {
                entries.paths.push(path);
            }
        }
        Ok(entries)
    }

    /// Counts the bytes of an entry.
    fn count(&mut self, path: &str, entry: &Entry) -> Result<(), Failure> {
        let target = match entry {
            Entry::Link(Some(target)) => target.len(),
            Entry::Link(None) | Entry::File(_) => 0,
        };
        self.path_bytes += path.len() + target;
        match self.path_bytes > MAX_PATHS_BYTES {
            true => Err(Failure::new(
                Code::LimitExceeded,
                format!(
                    "the paths in the archive have more than {MAX_PATHS_BYTES} bytes together, which is the limit; create it again \
                     with only the files of the model"
                ),
            )),
            false => Ok(()),
        }
    }

    /// Returns the paths of all files and links, without duplicates.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// Returns the index of the entry that holds the content of this path, following links.
    ///
    /// # Errors
    /// Returns an error if the path occurs twice, or if its links do not lead to a file of the archive.
    pub(super) fn file(&self, path: &str) -> Result<usize, Failure> {
        if self.duplicates.contains(path) {
            return Err(invalid(format!("the archive holds {path} twice")));
        }
        let mut at = Some(path);
        for _ in 0..MAX_LINKS {
            match at.and_then(|at| self.found.get(at)) {
                Some(Entry::File(index)) => return Ok(*index),
                Some(Entry::Link(target)) => at = target.as_deref(),
                None => break,
            }
        }
        Err(invalid(format!(
            "the archive holds links instead of files ({path} does not lead to a file in it); create it with tar -h, \
             which stores the files that the links point to"
        )))
    }
}

fn broken(error: io::Error) -> Failure {
    if has_long_headers(&error) {
        return Failure::new(
            Code::LimitExceeded,
            format!(
                "the archive holds an entry with a name or extended headers of more than {MAX_HEADER_BYTES} bytes, which is the \
                 limit; create it again with shorter names"
            ),
        );
    }
    match error.kind() {
        io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            invalid(
                "the archive is not a readable tar archive: it is damaged or has another format; create it with \
                 tar -cf, without compression",
            )
        }
        _ => error.into(),
    }
}

/// Resolves a path relative to the folder `from` of the archive. Returns `None` if it leads out of the archive, is too
/// deep or too long, or is not UTF-8.
fn plain(from: &Path, path: &Path) -> Option<String> {
    if path.as_os_str().len() > MAX_PATH_BYTES {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in from.components().chain(path.components()) {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::ParentDir if !from.as_os_str().is_empty() => {
                parts.pop()?;
            }
            _ => return None,
        }
    }
    (!parts.is_empty() && parts.len() <= MAX_DEPTH + 1).then(|| parts.join("/"))
}

fn invalid(detail: impl Into<String>) -> Failure {
    Failure::new(Code::InvalidCheckpoint, detail)
}
