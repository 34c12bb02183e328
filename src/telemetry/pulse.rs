//! Detects loops that hang, for `/livez`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The heartbeat of a loop.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    /// Records that the loop is alive.
    pub fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn age(&self) -> Duration {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed()
    }
}

/// The watched loops of a process. Clones share the same state.
#[derive(Clone, Debug, Default)]
pub struct Pulses(Arc<Mutex<Vec<Watched>>>);

#[derive(Debug)]
struct Watched {
    name: String,
    pulse: Pulse,
    limit: Duration,
}

impl Pulses {
    /// Watches a loop, which must beat the returned pulse at least once every `limit`.
    #[must_use]
    pub fn watch(&self, name: impl Into<String>, limit: Duration) -> Pulse {
        let pulse = Pulse(Arc::new(Mutex::new(Instant::now())));
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.push(Watched {
            name: name.into(),
            pulse: pulse.clone(),
            limit,
        });
        pulse
    }

    /// Returns the names of the loops that hang.
    #[must_use]
    pub fn standing(&self) -> Vec<String> {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = watched
            .iter()
            .filter(|loop_| loop_.pulse.age() > loop_.limit);
        standing.map(|loop_| loop_.name.clone()).collect()
    }
}
