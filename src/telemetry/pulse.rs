//! Whether a loop that should never stand still does: what `/livez` looks at.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A loop's sign of life.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    /// The loop lives.
    pub fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn age(&self) -> Duration {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed()
    }
}

/// The loops of a process; copies know the same.
#[derive(Clone, Debug, Default)]
pub struct Pulses(Arc<Mutex<Vec<Watched>>>);

#[derive(Debug)]
struct Watched {
    name: String,
    pulse: Pulse,
    most: Duration,
}

impl Pulses {
    /// A loop that gives a sign of life at least so often.
    #[must_use]
    pub fn watch(&self, name: impl Into<String>, most: Duration) -> Pulse {
        let pulse = Pulse(Arc::new(Mutex::new(Instant::now())));
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.push(Watched {
            name: name.into(),
            pulse: pulse.clone(),
            most,
        });
        pulse
    }

    /// The names of loops that stand still.
    #[must_use]
    pub fn standing(&self) -> Vec<String> {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = watched
            .iter()
            .filter(|loop_| loop_.pulse.age() > loop_.most);
        standing.map(|loop_| loop_.name.clone()).collect()
    }
}
