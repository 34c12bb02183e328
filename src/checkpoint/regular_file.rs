//! Opens regular files only.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file for reading. Opening and reading never wait for another process, as they would for a named pipe. The check is made
/// on the open file, so nobody can replace the file between check and use.
///
/// # Errors
/// Returns [`ErrorKind::IsADirectory`] for a folder, [`ErrorKind::InvalidInput`] for a named pipe, a device or a socket, and other
/// errors of the operating system.
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
    let kind = file.metadata()?.file_type();
    match (kind.is_file(), kind.is_dir()) {
        (true, _) => Ok(file),
        (_, true) => Err(ErrorKind::IsADirectory.into()),
        _ => Err(irregular()),
    }
}

fn irregular() -> Error {
    Error::new(ErrorKind::InvalidInput, "not a regular file")
}
