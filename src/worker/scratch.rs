//! A process's own folder for the output of its attempts, beside those of other processes.
//!
//! A lock, which the kernel releases however its holder ends, tells whose folders nobody uses any more.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::gone_or_removed;

/// A folder of this process; it is removed by the next process that opens the same work folder after this
/// one has ended.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes a folder within `work_dir`, and removes those of processes that are gone.
    ///
    /// # Errors
    /// When the work folder cannot be used.
    pub fn open(work_dir: &Path) -> io::Result<Self> {
        let attempts = work_dir.join("attempts");
        fs::create_dir_all(&attempts)?;
        clear(&attempts)?;
        loop {
            let name = Uuid::now_v7().simple().to_string();
            let lock_path = attempts.join(format!("{name}.lock"));
            let lock = File::create(&lock_path)?;
            // A process that clears may have had it between these two lines, and removed it.
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

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

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
