//! A model's folder on this machine, before it is read: whether it is there, and what it is when it is no model's.

use std::fmt::Display;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::content::{Content, FIRST_BYTES};
use super::error::CheckpointError;
use super::layout;

/// How deep folders are looked into, and how many files are looked at.
const MOST_DEPTH: usize = 8;
const MOST_FILES: usize = 10_000;

/// Checks that a folder holds a model, by its files' names. `of` is what the folder is called.
///
/// # Errors
/// See [`refusal`].
pub fn check(folder: &Path, of: &dyn Display) -> Result<(), CheckpointError> {
    let files = [layout::CONFIG, layout::WEIGHTS, layout::INDEX];
    let present = files.into_iter().filter(|name| folder.join(name).is_file());
    match layout::is_whole(present) {
        true => Ok(()),
        false => Err(refusal(folder, of)),
    }
}

/// Why a folder in which the configuration or the weights were not found is no model's, and what to do.
/// `of` is what the folder is called.
#[must_use]
pub fn refusal(folder: &Path, of: &dyn Display) -> CheckpointError {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return no_folder(folder, of),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match broken_link(folder, of) {
                Some(broken) => broken,
                None => CheckpointError::NotFound(format!("the model folder {of} is not there")),
            };
        }
        Err(error) => return CheckpointError::io(folder)(error),
    }
    for name in [layout::CONFIG, layout::WEIGHTS, layout::INDEX] {
        let path = folder.join(name);
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                return CheckpointError::Invalid(format!(
                    "{name} in {of} is a folder; a file must be there"
                ));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Some(broken) = broken_link(&path, &format!("{name} in {of}")) {
                    return broken;
                }
            }
            Err(error) => return CheckpointError::io(&path)(error),
        }
    }
    let mut paths = Vec::new();
    if let Err(error) = walk(folder, "", MOST_DEPTH, &mut paths) {
        return CheckpointError::io(folder)(error);
    }
    paths.sort_unstable();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    layout::refusal(of, &paths)
}

/// A file where a folder should be.
fn no_folder(path: &Path, of: &dyn Display) -> CheckpointError {
    let mut first = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(FIRST_BYTES as u64).read_to_end(&mut first));
    let content = read.ok().and_then(|_| Content::of(&first));
    CheckpointError::NotFound(match content {
        Some(content) => format!("{of} {}", content.instead_of("the folder of a model")),
        None => format!("{of} is a file; name the folder that holds config.json"),
    })
}

/// The refusal of a symbolic link that leads nowhere.
fn broken_link(path: &Path, of: &dyn Display) -> Option<CheckpointError> {
    let target = fs::read_link(path).ok()?;
    Some(CheckpointError::NotFound(format!(
        "{of} is a broken symbolic link: it leads to {}, which is not there; copy the folder with the files that its \
         links lead to (cp -rL)",
        target.display()
    )))
}

/// The files of a folder as paths relative to it. Links to folders and hidden folders are not followed.
fn walk(folder: &Path, within: &str, depth: usize, paths: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if paths.len() >= MOST_FILES {
            break;
        }
        if entry.path().is_file() {
            paths.push(format!("{within}{name}"));
        } else if entry.file_type()?.is_dir() && depth > 0 && !name.starts_with('.') {
            // A folder that cannot be read hides what it holds, and nothing else.
            let _ = walk(&entry.path(), &format!("{within}{name}/"), depth - 1, paths);
        }
    }
    Ok(())
}
