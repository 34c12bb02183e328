//! The entries of a tar archive by their paths; links lead to entries of the same archive.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path};

use crate::prune::failure::{Code, Failure};

/// Entries that are looked at; a model has a few dozen.
const MOST_ENTRIES: usize = 10_000;

/// Folders that a file may be in, one in the other.
const MOST_DEPTH: usize = 8;

/// Links that are followed from one to the next.
const MOST_LINKS: usize = 8;

/// What an archive holds.
#[derive(Default)]
pub(super) struct Entries {
    found: HashMap<String, Entry>,
    /// The paths in the archive's order.
    paths: Vec<String>,
    twice: HashSet<String>,
}

enum Entry {
    /// A file; its number among all entries.
    File(usize),
    /// A link to this path, where it stays in the archive.
    Link(Option<String>),
}

impl Entries {
    /// Reads the headers. Files outside of the archive's own tree, or too deep in it, are passed over.
    ///
    /// # Errors
    /// When it is no tar archive, is truncated, or has too many entries.
    pub(super) fn read(archive: &mut (impl Read + Seek)) -> Result<Self, Failure> {
        let bytes = archive.seek(SeekFrom::End(0))?;
        archive.seek(SeekFrom::Start(0))?;
        let mut archive = tar::Archive::new(archive);
        let mut entries = Self::default();
        for (index, entry) in archive.entries_with_seek().map_err(broken)?.enumerate() {
            if index >= MOST_ENTRIES {
                return Err(invalid(format!(
                    "the archive has more than {MOST_ENTRIES} entries"
                )));
            }
            let entry = entry.map_err(broken)?;
            let path = entry.path().map_err(broken)?.into_owned();
            let stored = entry.header().entry_size().map_err(broken)?;
            if entry.raw_file_position().saturating_add(stored) > bytes {
                return Err(invalid(format!(
                    "the archive is truncated: it ends within {}; make it or send it again",
                    path.display()
                )));
            }
            let kind = entry.header().entry_type();
            let Some(path) = plain(Path::new(""), &path) else {
                continue;
            };
            let found = if kind.is_file() || kind.is_gnu_sparse() {
                Entry::File(index)
            } else if kind.is_hard_link() || kind.is_symlink() {
                let target = entry.link_name().map_err(broken)?.unwrap_or_default();
                // A hard link names its target from the top, a symbolic link from its own folder.
                let from = match kind.is_symlink() {
                    true => Path::new(&path).parent().unwrap_or(Path::new("")),
                    false => Path::new(""),
                };
                Entry::Link(plain(from, &target))
            } else {
                continue;
            };
            if entries.found.insert(path.clone(), found).is_some() {
                entries.twice.insert(path);
            } else {
                entries.paths.push(path);
            }
        }
        Ok(entries)
    }

    /// The paths of all files and links, once each.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// The number of the entry that holds the content of this path.
    ///
    /// # Errors
    /// When the path is there twice, or is a link that leads out of the archive.
    pub(super) fn file(&self, path: &str) -> Result<usize, Failure> {
        if self.twice.contains(path) {
            return Err(invalid(format!("the archive holds {path} twice")));
        }
        let mut at = Some(path);
        for _ in 0..MOST_LINKS {
            match at.and_then(|at| self.found.get(at)) {
                Some(Entry::File(index)) => return Ok(*index),
                Some(Entry::Link(target)) => at = target.as_deref(),
                None => break,
            }
        }
        Err(invalid(format!(
            "the archive holds links instead of files ({path} leads to none of its files); make it with tar -h, \
             which stores the files that links lead to"
        )))
    }
}

fn broken(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::Other | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            invalid(
                "the archive is no tar archive that can be read: it is damaged or of another format; make it with \
                 tar -cf, without compression",
            )
        }
        _ => error.into(),
    }
}

/// A path from the archive's top, by `from`; `None` when it leads out of the archive, is too deep, or no UTF-8.
fn plain(from: &Path, path: &Path) -> Option<String> {
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
    (!parts.is_empty() && parts.len() <= MOST_DEPTH + 1).then(|| parts.join("/"))
}

fn invalid(detail: impl Into<String>) -> Failure {
    Failure::new(Code::InvalidCheckpoint, detail)
}
