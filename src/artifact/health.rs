//! Checks whether the artifact store is available, and keeps the result of the last check.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;

use super::error::ArtifactError;
use super::store::ArtifactStore;

/// Maximum age of a check that a caller may rely on before it uses the store.
pub const FRESH: Duration = Duration::from_secs(2);

/// A store and the result of its last check. All clones share this result.
#[derive(Clone)]
pub struct Health {
    store: ArtifactStore,
    /// Time of the last check. Locked during a check, so that concurrent callers wait for its result and use it.
    last_check: Arc<AsyncMutex<Option<Instant>>>,
    outage: Arc<Mutex<Option<Outage>>>,
}

/// An outage: the last check found that the store is not available.
#[derive(Clone, Debug)]
pub struct Outage {
    /// Error of the last check.
    pub error: Arc<ArtifactError>,
    /// Time of the first failed check of this outage, in Unix milliseconds of this machine's clock.
    pub since_ms: i64,
}

impl Health {
    /// Creates the health of a store without a check.
    #[must_use]
    pub fn new(store: ArtifactStore) -> Self {
        Self {
            store,
            last_check: Arc::default(),
            outage: Arc::default(),
        }
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &ArtifactStore {
        &self.store
    }

    /// Checks the store, unless the last check is more recent than `fresh`.
    ///
    /// # Errors
    /// Returns [`Outage`] if the store is not available.
    pub async fn check(&self, fresh: Duration) -> Result<(), Outage> {
        let mut last_check = self.last_check.lock().await;
        if last_check.is_none_or(|at| at.elapsed() >= fresh) {
            let probed = self.store.probe().await;
            *last_check = Some(Instant::now());
            self.record(probed);
        }
        self.outage().map_or(Ok(()), Err)
    }

    /// Returns the outage that the last check found, or `None` if it found none or nothing was checked yet.
    #[must_use]
    pub fn outage(&self) -> Option<Outage> {
        self.known().clone()
    }

    fn record(&self, probed: Result<(), ArtifactError>) {
        let mut outage = self.known();
        match (probed, outage.is_some()) {
            (Ok(()), true) => {
                tracing::info!("the artifact store is available again");
                *outage = None;
            }
            (Ok(()), false) => {}
            (Err(error), known) => {
                if !known {
                    tracing::warn!(%error, "the artifact store is unavailable; no jobs are claimed until it is available again");
                }
                let now = jiff::Timestamp::now().as_millisecond();
                *outage = Some(Outage {
                    since_ms: outage.as_ref().map_or(now, |outage| outage.since_ms),
                    error: Arc::new(error),
                });
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Outage>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
