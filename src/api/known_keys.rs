//! The API keys that were valid a short time ago.
//!
//! A request with such a key does not count against the rate limit of its address, which many clients can share. The
//! database still decides whether the key is valid now.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::job::key::ShownKey;

/// Time for which a key stays known.
const LIFETIME: Duration = Duration::from_secs(600);

/// Maximum number of known keys. Beyond it, all are forgotten, and each counts once more.
const MAX_KEYS: usize = 10_000;

/// Keys with the time when they were last checked.
#[derive(Default)]
pub(super) struct KnownKeys(Mutex<HashMap<ShownKey, Instant>>);

impl KnownKeys {
    pub(super) fn contains(&self, key: ShownKey) -> bool {
        let checked = self.lock().get(&key).copied();
        checked.is_some_and(|checked| checked.elapsed() < LIFETIME)
    }

    pub(super) fn insert(&self, key: ShownKey) {
        let mut keys = self.lock();
        if keys.len() >= MAX_KEYS && !keys.contains_key(&key) {
            keys.clear();
        }
        keys.insert(key, Instant::now());
    }

    pub(super) fn remove(&self, key: ShownKey) {
        self.lock().remove(&key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ShownKey, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
