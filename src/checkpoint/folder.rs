//! Checks whether a local folder contains a model, and explains what it contains if it does not.

use std::fmt::Display;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::content::{Content, FIRST_BYTES};
use super::error::CheckpointError;
use super::layout;
use super::regular_file;

/// Maximum depth of subfolders that are searched.
const MAX_DEPTH: usize = 8;
/// Maximum number of files that are listed.
const MAX_FILES: usize = 10_000;

/// Checks by the file names that a folder contains a model. `of` is the name of the folder in messages.
///
/// # Errors
/// Returns the error of [`refusal`] if the folder does not contain a model.
pub fn check(folder: &Path, of: &dyn Display) -> Result<(), CheckpointError> {
    let files = [layout::CONFIG, layout::WEIGHTS, layout::INDEX];
    let present = files.into_iter().filter(|name| folder.join(name).is_file());
    match layout::is_whole(present) {
        true => Ok(()),
        false => Err(refusal(folder, of)),
    }
}

/// Returns the error for a folder without a configuration or without weights. It says what the folder contains instead
/// of a model, and how to fix that. `of` is the name of the folder in messages.
#[must_use]
pub fn refusal(folder: &Path, of: &dyn Display) -> CheckpointError {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return not_a_folder(folder, of),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match broken_link(folder, of) {
                Some(broken) => broken,
                None => CheckpointError::NotFound(format!("model folder {of} not found")),
            };
        }
        Err(error) => return CheckpointError::io(folder)(error),
    }
    for name in [layout::CONFIG, layout::WEIGHTS, layout::INDEX] {
        let path = folder.join(name);
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                return CheckpointError::Invalid(format!(
                    "{name} in {of} is a folder; it must be a file"
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
    if let Err(error) = walk(folder, "", MAX_DEPTH, &mut paths) {
        return CheckpointError::io(folder)(error);
    }
    paths.sort_unstable();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    layout::refusal(of, &paths)
}

/// Returns the error for a file in place of a folder.
fn not_a_folder(path: &Path, of: &dyn Display) -> CheckpointError {
    let mut first = Vec::new();
    let read = regular_file::open(path)
        .and_then(|file| file.take(FIRST_BYTES as u64).read_to_end(&mut first));
    let content = read.ok().and_then(|_| Content::of(&first));
    CheckpointError::NotFound(match content {
        Some(content) => format!("{of} {}", content.instead_of("the folder of a model")),
        None => format!("{of} is a file; name the folder that contains config.json"),
    })
}

/// Returns the error for a symbolic link whose target does not exist, or `None` if the path is not a link.
fn broken_link(path: &Path, of: &dyn Display) -> Option<CheckpointError> {
    let target = fs::read_link(path).ok()?;
    Some(CheckpointError::NotFound(format!(
        "{of} is a broken symbolic link: its target {} does not exist; copy the folder with the targets of its links \
         (cp -rL)",
        target.display()
    )))
}

/// Lists the files of a folder and its subfolders, as relative paths. Links to folders and hidden folders are not
/// followed.
fn walk(folder: &Path, within: &str, depth: usize, paths: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if paths.len() >= MAX_FILES {
            break;
        }
        if entry.path().is_file() {
            paths.push(format!("{within}{name}"));
        } else if entry.file_type()?.is_dir() && depth > 0 && !name.starts_with('.') {
            // If a subfolder cannot be read, only its own files are left out.
            let _ = walk(&entry.path(), &format!("{within}{name}/"), depth - 1, paths);
        }
    }
    Ok(())
}
