//! Unpacks a model from a tar archive: only regular files with known names, and nothing outside the target folder.
//!
//! The archive is read twice. The first pass reads the names of the entries and chooses the model's folder. The second
//! pass extracts the files of that folder. So files of other folders are never written, and the order of the entries
//! does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::archive_entries::Entries;
use super::model_files;
use crate::checkpoint::content::{Content, FIRST_BYTES};
use crate::checkpoint::layout;
use crate::checkpoint::tar_archive::Tar;
use crate::prune::failure::{Code, Failure};

/// Unpacks the files of the complete model that is nearest to the top of the archive. Other entries are ignored.
///
/// # Errors
/// Returns an error if
/// - the archive is not a tar archive, is truncated, or holds a needed file twice,
/// - the archive holds no complete model, or several at the same depth,
/// - a file of the model is a link that leads out of the archive,
/// - the model has more than `cap_bytes` bytes.
pub fn unpack(mut archive: impl Read + Seek, folder: &Path, cap_bytes: u64) -> Result<(), Failure> {
    refuse_other_formats(&mut archive)?;
    let entries = Entries::read(&mut archive)?;
    let chosen = choose(&entries)?;
    let mut wanted: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for name in files_of(&entries, chosen).filter(|name| model_files::belongs(name)) {
        let index = entries.file(&joined(chosen, name))?;
        wanted.entry(index).or_default().push(name);
    }
    extract(archive, &wanted, folder, cap_bytes)
}

/// Checks the first bytes, and rejects compressed archives and other formats with a helpful message.
fn refuse_other_formats(archive: &mut (impl Read + Seek)) -> Result<(), Failure> {
    let mut first = Vec::new();
    archive.take(FIRST_BYTES as u64).read_to_end(&mut first)?;
    archive.seek(SeekFrom::Start(0))?;
    match Content::of(&first) {
        None | Some(Content::Tar) => Ok(()),
        Some(content @ (Content::Gzip | Content::Zstandard | Content::Xz | Content::Bzip2)) => {
            Err(invalid(format!(
                "the archive {content}; decompress it, or create it with tar -cf, without compression"
            )))
        }
        Some(Content::Zip) => Err(invalid(
            "the archive is a zip archive; unpack it and create a tar archive of its files with tar -cf",
        )),
        Some(content) => Err(invalid(format!(
            "the archive {}",
            content.instead_of("a tar archive")
        ))),
    }
}

/// Returns the folder that is nearest to the top and holds a complete model.
fn choose(entries: &Entries) -> Result<&str, Failure> {
    let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in entries.paths() {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        folders.entry(folder).or_default().insert(name);
    }
    let mut whole: Vec<&str> = folders
        .iter()
        .filter(|(_, names)| layout::is_whole(names.iter().copied()))
        .map(|(folder, _)| *folder)
        .collect();
    whole.sort_by_key(|folder| depth(folder));
    match whole.as_slice() {
        [] => Err(no_model(entries)),
        [one, other, ..] if depth(one) == depth(other) => Err(Failure::new(
            Code::InvalidCheckpoint,
            format!(
                "the archive holds more than one model, in {one}/ and in {other}/; create an archive of one of them"
            ),
        )),
        [one, ..] => Ok(one),
    }
}

/// Describes what the archive holds instead of a model. If everything is in one folder, paths are relative to it.
fn no_model(entries: &Entries) -> Failure {
    let mut paths: Vec<&str> = entries.paths().collect();
    while let Some(folder) = paths
        .first()
        .and_then(|first| first.split_once('/').map(|(folder, _)| folder))
    {
        let inside: Option<Vec<&str>> = paths
            .iter()
            .map(|path| path.strip_prefix(folder)?.strip_prefix('/'))
            .collect();
        match inside {
            Some(inside) => paths = inside,
            None => break,
        }
    }
    layout::refusal(&"the archive", &paths).into()
}

/// Returns the paths of the files in a folder, relative to it.
fn files_of<'a>(entries: &'a Entries, folder: &'a str) -> impl Iterator<Item = &'a str> {
    entries.paths().filter_map(move |path| match folder {
        "" => Some(path),
        _ => path.strip_prefix(folder)?.strip_prefix('/'),
    })
}

/// Writes the wanted entries, given by their index in the archive, to files with these names.
fn extract(
    mut archive: impl Read + Seek,
    wanted: &BTreeMap<usize, Vec<&str>>,
    folder: &Path,
    cap_bytes: u64,
) -> Result<(), Failure> {
    archive.seek(SeekFrom::Start(0))?;
    let mut archive = Tar::new(archive);
    let mut left = cap_bytes;
    for (index, entry) in archive.entries_with_seek()?.enumerate() {
        let Some(names) = wanted.get(&index) else {
            continue;
        };
        let mut entry = entry?;
        let mut first: Option<&str> = None;
        for name in names {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            let copied = match first {
                None => {
                    let mut file = File::create(&path)?;
                    let copied = io::copy(&mut entry.by_ref().take(left + 1), &mut file)?;
                    file.sync_all()?;
                    copied
                }
                Some(first) => std::fs::copy(folder.join(first), &path)?,
            };
            first = Some(name);
            left = left.checked_sub(copied).ok_or_else(|| {
                Failure::new(
                    Code::LimitExceeded,
                    format!(
                        "the model in the archive is too large: the limit is {cap_bytes} bytes"
                    ),
                )
            })?;
        }
    }
    Ok(())
}

fn joined(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

fn depth(folder: &str) -> usize {
    folder.split('/').filter(|part| !part.is_empty()).count()
}

fn invalid(detail: impl Into<String>) -> Failure {
    Failure::new(Code::InvalidCheckpoint, detail)
}
