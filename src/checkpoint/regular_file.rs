//! Opens regular files only, and in some processes only those below certain folders.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::OFlags;

/// What this process may read, if not every file: folders with everything below them, and files. Their paths have no symbolic
/// links.
static ALLOWED: OnceLock<Vec<PathBuf>> = OnceLock::new();

/// Limits all later calls of [`open`] in this process to files at or below these paths. Only the first call has an effect.
///
/// A path is checked before it is given to this process, but whoever may write to its folder can replace a part of it by a link
/// until it is opened, and a link can also be in a folder from the start.
pub fn allow_only(paths: &[PathBuf]) {
    let resolved = paths.iter().filter_map(|path| path.canonicalize().ok());
    // The first limits remain.
    let _ = ALLOWED.set(resolved.collect());
}

/// Opens a file for reading. Opening and reading never wait for another process, as they would for a named pipe. The check is made
/// on the open file, so nobody can replace the file between check and use.
///
/// # Errors
/// Returns [`ErrorKind::IsADirectory`] for a folder, [`ErrorKind::InvalidInput`] for a named pipe, a device or a socket,
/// [`ErrorKind::PermissionDenied`] without a code of the operating system for a file that [`allow_only`] excludes, and other errors
/// of the operating system.
pub fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Without this flag, opening a named pipe waits for a writer. It has no effect on regular files.
    options.custom_flags(OFlags::NONBLOCK.bits() as i32);
    // A socket cannot be opened at all.
    let file = options
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(code) if code == rustix::io::Errno::NXIO.raw_os_error() => irregular(),
            _ => error,
        })?;
    if let Some(allowed) = ALLOWED.get() {
        check_place(&file, allowed)?;
    }
    let kind = file.metadata()?.file_type();
    match (kind.is_file(), kind.is_dir()) {
        (true, _) => Ok(file),
        (_, true) => Err(ErrorKind::IsADirectory.into()),
        _ => Err(irregular()),
    }
}

/// Checks where an open file is. The kernel tells its path, on which all links are resolved.
fn check_place(file: &File, allowed: &[PathBuf]) -> Result<()> {
    let place = match cfg!(target_os = "linux") {
        true => std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?,
        // Other systems do not tell. There, the check before this process has to suffice.
        false => return Ok(()),
    };
    match allowed.iter().any(|allowed| place.starts_with(allowed)) {
        true => Ok(()),
        false => Err(Error::new(
            ErrorKind::PermissionDenied,
            "outside the allowed folders",
        )),
    }
}

fn irregular() -> Error {
    Error::new(ErrorKind::InvalidInput, "not a regular file")
}
