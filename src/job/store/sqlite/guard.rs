//! Allows only one process per database file, with a lock file beside it. Refuses network file systems, where locks are
//! not reliable.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock, statfs};

use super::error::OpenError;
use crate::artifact::private;
use crate::file_name::beside;

/// Magic numbers (`statfs(2)`) of network file systems: nfs, smb, cifs, smb2, afs, ceph, 9p, coda, fuse.
const NETWORK: &[u64] = &[
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x5346_414f,
    0x00c3_6400,
    0x0102_1997,
    0x7375_7245,
    0x6573_5546,
];

/// The lock of a database. The kernel releases it when it is dropped or when the process ends.
pub(super) struct Guard {
    _file: File,
}

impl Guard {
    /// Takes the lock of a database, and makes its files private to the user of this process.
    pub(super) fn take(database: &Path) -> Result<Self, OpenError> {
        let path = || database.display().to_string();
        let failed = |source| OpenError::Folder {
            path: path(),
            source,
        };
        let folder = database
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        // A folder that exists may have other files, so only the files of the database are made private.
        if !folder.exists() {
            private::folder(folder, &[]).map_err(failed)?;
        }
        let found = statfs(folder).map_err(|error| failed(error.into()))?;
        if NETWORK.contains(&(found.f_type as u64 & 0xffff_ffff)) {
            return Err(OpenError::NetworkFileSystem { path: path() });
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(beside(database, ".lock"))
            .map_err(failed)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| OpenError::InUse { path: path() })?;
        // SQLite gives the permissions of the database to the files beside it.
        File::options()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(database)
            .map_err(failed)?;
        for end in ["", ".lock", "-wal", "-shm"] {
            private::file(&beside(database, end)).map_err(failed)?;
        }
        Ok(Self { _file: file })
    }
}
