//! A scratch folder for the output of a process's attempts.
//!
//! Several processes may share one work folder. Each locks its own scratch folder. The kernel releases the lock
//! whenever the process ends, so an unlocked folder is unused and can be removed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::removal::gone_or_removed;
use crate::artifact::private;

/// The scratch folder of this process. After this process has ended, the next process that opens the same work folder
/// removes it.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Creates a scratch folder in `work_dir`, which only the user of this process can access, and removes those of
    /// processes that have ended.
    ///
    /// # Errors
    /// Returns an error if the work folder cannot be read or written.
    pub fn open(work_dir: &Path) -> io::Result<Self> {
        let attempts = work_dir.join("attempts");
        private::folder(work_dir, &["attempts"])?;
        private::folder(&attempts, &[".lock"])?;
        clear(&attempts)?;
        loop {
            let name = Uuid::now_v7().simple().to_string();
            let lock_path = attempts.join(format!("{name}.lock"));
            let lock = File::create(&lock_path)?;
            // Between these two lines, `clear` of another process may have taken the lock and removed the file.
            if lock.try_lock().is_ok() && lock_path.exists() {
                let folder = attempts.join(name);
                fs::create_dir(&folder)?;
                return Ok(Self {
                    folder,
                    _lock: lock,
                });
            }
        }
    }

    /// Returns the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

/// Removes the scratch folders whose lock is free.
fn clear(attempts: &Path) -> io::Result<()> {
    for entry in fs::read_dir(attempts)? {
        let lock_path = entry?.path();
        if lock_path.extension().is_none_or(|end| end != "lock") {
            continue;
        }
        let Ok(lock) = File::options().write(true).open(&lock_path) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            let folder = fs::remove_dir_all(lock_path.with_extension(""));
            gone_or_removed(folder)?;
            gone_or_removed(fs::remove_file(&lock_path))?;
        }
    }
    Ok(())
}
