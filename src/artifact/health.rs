//! Whether the artifact store can be used, as it was last tried.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as Turn;

use super::error::ArtifactError;
use super::store::ArtifactStore;

/// Who is about to use the store may rely for so long on a trial.
pub const FRESH: Duration = Duration::from_secs(2);

/// A store with what is known of its health; copies know the same.
#[derive(Clone)]
pub struct Health {
    store: ArtifactStore,
    /// Held while the store is tried: who comes meanwhile takes the outcome over.
    turn: Arc<Turn<Option<Instant>>>,
    outage: Arc<Mutex<Option<Outage>>>,
}

/// The store could not be used when it was last tried.
#[derive(Clone, Debug)]
pub struct Outage {
    /// Why.
    pub error: Arc<ArtifactError>,
    /// When it was first found so, in Unix milliseconds of this machine's clock.
    pub since_ms: i64,
}

impl Health {
    /// Of this store; nothing is tried yet.
    #[must_use]
    pub fn new(store: ArtifactStore) -> Self {
        Self {
            store,
            turn: Arc::default(),
            outage: Arc::default(),
        }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &ArtifactStore {
        &self.store
    }

    /// Tries the store, unless it was tried within this time.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn check(&self, fresh: Duration) -> Result<(), Outage> {
        let mut tried = self.turn.lock().await;
        if tried.is_none_or(|at| at.elapsed() >= fresh) {
            let probed = self.store.probe().await;
            *tried = Some(Instant::now());
            self.note(probed);
        }
        self.outage().map_or(Ok(()), Err)
    }

    /// The outage that the last trial found; none before the first.
    #[must_use]
    pub fn outage(&self) -> Option<Outage> {
        self.known().clone()
    }

    fn note(&self, probed: Result<(), ArtifactError>) {
        let mut outage = self.known();
        match (probed, outage.is_some()) {
            (Ok(()), true) => {
                tracing::info!("the artifact store is back");
                *outage = None;
            }
            (Ok(()), false) => {}
            (Err(error), known) => {
                if !known {
                    tracing::warn!(%error, "the artifact store is away; no job is taken until it is back");
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
