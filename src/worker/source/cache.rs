//! What was fetched from elsewhere, kept on this machine by its digest until room is needed.
//!
//! An entry is a folder; it is there whole or not at all. Its lock file tells who uses it: shared by
//! readers, exclusive while it is filled or removed. The locks are the kernel's, so that processes which
//! share a cache, and ones that were killed, need no agreement. The lock's modification time is the time
//! of the last use. What turned out not to open is marked, and leaves with the last who reads it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;
use crate::worker::gone_or_removed;

/// Between two looks whether another has filled the entry.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A folder of entries.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    budget_bytes: u64,
}

/// An entry in use: it stays as long as this lives.
#[derive(Debug)]
pub struct Held {
    cache: Cache,
    key: String,
    path: PathBuf,
    lock: File,
}

/// The right to fill an entry. A thread that may go on when nobody waits for it any more keeps it to its end.
#[derive(Clone, Debug)]
pub struct Filling {
    _lock: Arc<File>,
}

impl Held {
    /// The entry's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that what is in it does not open: it leaves the cache as soon as nobody reads it, and who asks for it
    /// then fetches it again.
    pub fn discard(&self) {
        if let Err(error) = File::create(self.cache.mark(&self.key)) {
            tracing::warn!(entry = %self.key, %error, "what does not open stays in the cache");
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Who reads it beside this one is not disturbed: the last one out removes it, or the next one in.
        let marked = self.cache.mark(&self.key).exists();
        if marked && self.lock.unlock().is_ok() && self.lock.try_lock().is_ok() {
            match self.cache.remove(&self.key) {
                Ok(()) => {
                    tracing::info!(entry = %self.key, "removed from the cache, for it does not open");
                }
                Err(error) => {
                    tracing::warn!(entry = %self.key, %error, "what does not open stays in the cache");
                }
            }
        }
    }
}

impl Cache {
    /// Opens the folder, making it where it is missing. Entries are removed, the least recently used first,
    /// when a new one would not fit into `budget_bytes` beside them.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path, budget_bytes: u64) -> std::io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            budget_bytes,
        })
    }

    /// Where an entry is made before it is whole. What is left there by a fill that broke off is there for
    /// the next one to go on with.
    #[must_use]
    pub fn draft(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.part"))
    }

    /// The entry, filled by `fill` (which writes to its [draft](Self::draft)) when it is not there yet.
    ///
    /// # Errors
    /// When it is larger than the whole cache, when `fill` fails, or when asked to stop.
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
                    "the source has {bytes} bytes, more than the {} that the worker's cache may hold (--cache-gib)",
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
            // Never wait for a lock here: whoever holds it may need this very thread to go on.
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
                tokio::time::sleep(LOOK_EVERY).await;
            }
            watch.proceed()?;
            if fill.is_none() && !path.is_dir() {
                // It was filled, and another needed the room before it could be held: rare, and worth a new attempt.
                return Err(Failure::new(
                    Code::StorageError,
                    "the worker's cache is too small for the sources of all jobs that run; enlarge it (--cache-gib)",
                ));
            }
        }
    }

    fn lock(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.lock"))
    }

    /// Where it is said that an entry does not open.
    fn mark(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.bad"))
    }

    /// Removes an entry and all that belongs to it, but for the lock, which the caller holds alone.
    fn remove(&self, key: &str) -> std::io::Result<()> {
        gone_or_removed(fs::remove_dir_all(self.folder.join(key)))?;
        gone_or_removed(fs::remove_dir_all(self.draft(key)))?;
        gone_or_removed(fs::remove_file(self.mark(key)))
    }

    /// Removes entries that nobody uses until so many bytes fit beside the rest.
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

/// Bytes of the files in a folder; 0 when it is not there.
fn size(folder: &Path) -> std::io::Result<u64> {
    let Ok(files) = fs::read_dir(folder) else {
        return Ok(0);
    };
    files.map(|file| Ok(file?.metadata()?.len())).sum()
}
