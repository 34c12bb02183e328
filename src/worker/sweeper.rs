//! Ends jobs that no worker will end, and clears away what nobody will read again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::millis;
use super::retention::remove_old;
use crate::artifact::error::ArtifactError;
use crate::artifact::key::Key;
use crate::artifact::store::ArtifactStore;
use crate::job::retention::Retention;
use crate::job::store::Store;

/// Deliveries to webhooks that ended are kept so long.
const DELIVERIES_KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// Listing a bucket costs money: the journals are looked through so often and no more.
const JOURNALS_EVERY: Duration = Duration::from_secs(3_600);

/// How the sweeper sweeps.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time between two sweeps.
    pub every: Duration,
    /// Documents of the journal are kept so long after they were written.
    pub journal_retention: Duration,
    /// How long what has ended is kept.
    pub retention: Retention,
}

/// Sweeps until it is told to stop.
pub async fn sweep(
    store: Arc<dyn Store>,
    artifacts: ArtifactStore,
    options: Options,
    stop: CancellationToken,
) {
    let mut journals_cleared: Option<Instant> = None;
    loop {
        match store.sweep().await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "jobs without a worker were ended"),
            Err(error) => tracing::warn!(%error, "the queue cannot be swept; trying again"),
        }
        if let Err(error) = remove_old(&store, &artifacts, options.retention).await {
            tracing::warn!(%error, "what has been kept long enough cannot be removed; trying again");
        }
        if let Err(error) = store.sweep_deliveries(DELIVERIES_KEPT_MS).await {
            tracing::warn!(%error, "deliveries that ended cannot be removed; trying again");
        }
        if journals_cleared.is_none_or(|last| last.elapsed() >= JOURNALS_EVERY) {
            journals_cleared = Some(Instant::now());
            if let Err(error) = clear_journals(&artifacts, options.journal_retention).await {
                tracing::warn!(%error, "the journals cannot be cleared; trying again");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(options.every) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Removes documents of the journals that are older than this.
async fn clear_journals(
    artifacts: &ArtifactStore,
    retention: Duration,
) -> Result<(), ArtifactError> {
    let now = jiff::Timestamp::now().as_millisecond();
    for document in artifacts.list(&Key::journals()).await? {
        if now - document.modified_ms > millis(retention)
            && let Ok(key) = Key::parse(&document.key)
        {
            artifacts.delete(&key).await?;
        }
    }
    Ok(())
}
