//! Files and folders that only the user of this process can access.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::umask;

/// The permissions of the group and of all other users.
const OTHERS: u32 = 0o077;

/// The permissions of all other users.
const WORLD: u32 = 0o007;

/// The mark of a folder that several users share, such as `/tmp`.
const SHARED: u32 = 0o1000;

/// Makes all files and folders that this process creates from now on private: 0600 and 0700.
pub fn by_default() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Creates a folder with its parents, all with the permissions 0700. If the folder exists, removes the access of other
/// users to it. `ours` are ends of the names of files and folders that the service creates in it.
///
/// # Errors
/// Returns an error that names the folder and the remedy if other users can access it, and it has files but none of this
/// service, or the permissions cannot be changed. Returns another error if the folder cannot be created.
pub fn folder(path: &Path, ours: &[&str]) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let mode = fs::metadata(path)?.permissions().mode();
    // Others may need a folder that has files of theirs.
    if mode & OTHERS != 0 && is_of_others(path, ours, mode & SHARED != 0)? {
        return Err(refusal(
            path,
            mode,
            "name another folder, such as a new one in it, or run chmod go-rwx on it",
        ));
    }
    tighten(path, mode)
}

/// Returns whether a folder has files, but none of the service, or is also `shared` with other users.
fn is_of_others(path: &Path, ours: &[&str], shared: bool) -> Result<bool> {
    let mut is_empty = true;
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !shared && ours.iter().any(|end| name.ends_with(end)) {
            return Ok(false);
        }
        is_empty = false;
    }
    Ok(!is_empty)
}

/// Removes the access of other users to a file. Does nothing if the file does not exist.
///
/// # Errors
/// Returns an error that names the file and the remedy if users outside its group can access it and the permissions
/// cannot be changed.
pub fn file(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) => tighten(path, found.permissions().mode()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn tighten(path: &Path, mode: u32) -> Result<()> {
    if mode & OTHERS == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(mode & 0o700)) {
        Ok(()) => Ok(()),
        // The group of a mounted volume is that of the container.
        Err(_) if mode & WORLD == 0 => Ok(()),
        Err(_) => Err(refusal(
            path,
            mode,
            "make this user its owner, or name another one",
        )),
    }
}

fn refusal(path: &Path, mode: u32, remedy: &str) -> Error {
    let text = format!(
        "other users can access {} (mode {:04o}); {remedy}",
        path.display(),
        mode & 0o7777
    );
    Error::new(ErrorKind::PermissionDenied, text)
}
