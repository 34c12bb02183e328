//! A cache of fetched sources on this machine, with least-recently-used eviction.
//!
//! - An entry is a folder, named by the digest of its source. It is complete or absent.
//! - Each entry has a lock file: locked shared by readers, and exclusively while the entry is filled or removed.
//! - The kernel holds the locks, so several processes can share a cache, and a killed process leaves no lock behind.
//! - The modification time of the lock file is the time of the last use.
//! - An entry that turned out to be unreadable, or whose upload was deleted, is marked, and its last reader removes it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::artifact::private;
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;
use crate::worker::removal::gone_or_removed;

/// Interval between checks whether another task has filled the entry.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// A folder of cache entries with a size limit.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    budget_bytes: u64,
}

/// An entry in use. It is not evicted while this value exists.
#[derive(Debug)]
pub struct Held {
    cache: Cache,
    key: String,
    path: PathBuf,
    lock: File,
}

/// The exclusive right to fill an entry. A thread that may outlive its caller must hold it until the thread ends.
#[derive(Clone, Debug)]
pub struct Filling {
    _lock: Arc<File>,
}

impl Held {
    /// Returns the folder of the entry.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Marks the entry as unreadable. It is removed as soon as nobody reads it, and the next request fetches the source
    /// again.
    pub fn discard(&self) {
        if let Err(error) = File::create(self.cache.mark(&self.key)) {
            tracing::warn!(entry = %self.key, %error, "could not mark an unreadable entry; it stays in the cache");
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Other readers are not disturbed: the lock fails while one exists, and then the last reader or the next caller
        // of `entry` removes it.
        let marked = self.cache.mark(&self.key).exists();
        if marked && self.lock.unlock().is_ok() && self.lock.try_lock().is_ok() {
            match self.cache.remove(&self.key) {
                Ok(()) => {
                    tracing::info!(entry = %self.key, "removed a marked entry from the cache");
                }
                Err(error) => {
                    tracing::warn!(entry = %self.key, %error, "could not remove a marked entry; it stays in the cache");
                }
            }
        }
    }
}

impl Cache {
    /// Opens the folder, which only the user of this process can access, and creates it if necessary. If a new entry would
    /// exceed `budget_bytes`, the least recently used entries are removed first.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be created or made private.
    pub fn open(folder: &Path, budget_bytes: u64) -> std::io::Result<Self> {
        private::folder(folder, &[".lock"])?;
        Ok(Self {
            folder: folder.to_owned(),
            budget_bytes,
        })
    }

    /// Returns the folder in which an entry is built until it is complete. It keeps the files of an interrupted fill,
    /// so that the next one can resume.
    #[must_use]
    pub fn draft(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.part"))
    }

    /// Returns an entry. If it does not exist yet, `fill` writes it to its [draft](Self::draft).
    ///
    /// # Errors
    /// Returns an error if the entry is larger than the whole cache, if `fill` fails, if the attempt must stop, or if
    /// the entry is evicted before it can be used.
    pub async fn entry<Fill>(
        &self,
        key: &str,
        bytes: u64,
        watch: &dyn Watch,
        fill: impl FnOnce(Filling) -> Fill + Send,
    ) -> Result<Held, Failure>
    where
        Fill: Future<Output = Result<(), Failure>> + Send,
    {
        if bytes > self.budget_bytes {
            return Err(Failure::new(
                Code::LimitExceeded,
                format!(
                    "the source is too large: {bytes} bytes, the limit of the worker's cache is {} (--cache-gib)",
                    self.budget_bytes
                ),
            ));
        }
        let (path, lock_path) = (self.folder.join(key), self.lock(key));
        let mut fill = Some(fill);
        loop {
            let lock = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&lock_path)?;
            // Never block on a lock here: its holder may need this thread to continue.
            if self.mark(key).exists() && is_free(lock.try_lock())? {
                self.remove(key)?;
                lock.unlock()?;
            }
            if is_free(lock.try_lock_shared())? {
                if path.is_dir() {
                    lock.set_modified(SystemTime::now())?;
                    return Ok(Held {
                        cache: self.clone(),
                        key: key.to_owned(),
                        path,
                        lock,
                    });
                }
                lock.unlock()?;
            }
            if is_free(lock.try_lock())? {
                if let Some(fill) = fill.take().filter(|_| !path.is_dir()) {
                    self.make_room(key, bytes)?;
                    fs::create_dir_all(self.draft(key))?;
                    let filling = Filling {
                        _lock: Arc::new(lock),
                    };
                    fill(filling.clone()).await?;
                    fs::rename(self.draft(key), &path)?;
                    drop(filling);
                }
            } else {
                tokio::time::sleep(CHECK_INTERVAL).await;
            }
            watch.proceed()?;
            if fill.is_none() && !path.is_dir() {
                // The entry was filled, but evicted before this task could lock it. This is rare, and a new attempt may
                // succeed.
                return Err(Failure::new(
                    Code::StorageError,
                    "the worker's cache is too small for the sources of all running jobs; enlarge it with --cache-gib",
                ));
            }
        }
    }

    /// Returns the keys of all entries, also of those that are being filled.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be read.
    pub fn keys(&self) -> std::io::Result<Vec<String>> {
        let mut keys = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let name = file?.file_name().to_string_lossy().into_owned();
            let key = name.strip_suffix(".lock");
            keys.extend(
                key.filter(|key| self.folder.join(key).exists() || self.draft(key).exists())
                    .map(str::to_owned),
            );
        }
        Ok(keys)
    }

    /// Removes an entry. If it is in use, it is marked, and its last reader removes it.
    ///
    /// # Errors
    /// Returns an error if the entry cannot be removed.
    pub fn purge(&self, key: &str) -> std::io::Result<()> {
        let lock = File::options().write(true).open(self.lock(key))?;
        if is_free(lock.try_lock())? {
            self.remove(key)?;
            tracing::info!(entry = %key, "removed a deleted upload from the cache");
        } else {
            File::create(self.mark(key))?;
        }
        Ok(())
    }

    fn lock(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.lock"))
    }

    /// Returns the path of the file that marks an entry as unreadable.
    fn mark(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.bad"))
    }

    /// Removes an entry, its draft and its mark. The caller must hold the exclusive lock; the lock file stays.
    fn remove(&self, key: &str) -> std::io::Result<()> {
        gone_or_removed(fs::remove_dir_all(self.folder.join(key)))?;
        gone_or_removed(fs::remove_dir_all(self.draft(key)))?;
        gone_or_removed(fs::remove_file(self.mark(key)))
    }

    /// Removes unused entries, the least recently used first, until `bytes` more fit into the budget.
    fn make_room(&self, key: &str, bytes: u64) -> Result<(), Failure> {
        let mut entries = self.entries()?;
        entries.sort_by_key(|entry| entry.last_used);
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        for entry in entries.iter().filter(|entry| entry.key != key) {
            if total + bytes <= self.budget_bytes {
                break;
            }
            let Ok(lock) = File::options().write(true).open(self.lock(&entry.key)) else {
                continue;
            };
            if lock.try_lock().is_ok() {
                self.remove(&entry.key)?;
                total -= entry.bytes;
                tracing::info!(entry = %entry.key, bytes = entry.bytes, "removed from the cache");
            }
        }
        Ok(())
    }

    fn entries(&self) -> std::io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            if let Some(key) = name.strip_suffix(".lock") {
                let bytes = size(&self.folder.join(key))? + size(&self.draft(key))?;
                entries.push(Entry {
                    key: key.to_owned(),
                    bytes,
                    last_used: file.metadata()?.modified()?,
                });
            }
        }
        Ok(entries)
    }
}

struct Entry {
    key: String,
    bytes: u64,
    last_used: SystemTime,
}

fn is_free(tried: Result<(), TryLockError>) -> std::io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns the total size of the files in a folder in bytes; 0 if the folder cannot be read.
fn size(folder: &Path) -> std::io::Result<u64> {
    let Ok(files) = fs::read_dir(folder) else {
        return Ok(0);
    };
    files.map(|file| Ok(file?.metadata()?.len())).sum()
}
