//! Ends jobs that no worker will end, and clears away what nobody will read again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::millis;
use super::retention::remove_old;
use crate::artifact::error::ArtifactError;
use crate::artifact::health::{FRESH, Health};
use crate::artifact::key::Key;
use crate::artifact::store::ArtifactStore;
use crate::job::retention::Retention;
use crate::job::store::Store;
use crate::telemetry::pulse::Pulse;

/// Deliveries to webhooks that ended are kept so long.
const DELIVERIES_KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// Listing a bucket costs money: journals and uploads are looked through so often and no more.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// How the sweeper sweeps.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time between two sweeps.
    pub every: Duration,
    /// Documents of the journal are kept so long after they were written.
    pub journal_retention: Duration,
    /// Uploads are kept so long after they came.
    pub upload_retention: Duration,
    /// How long what has ended is kept.
    pub retention: Retention,
}

/// Sweeps until it is told to stop.
pub async fn sweep(
    store: Arc<dyn Store>,
    health: Health,
    options: Options,
    pulse: Pulse,
    stop: CancellationToken,
) {
    let artifacts = health.store().clone();
    let mut looked: Option<Instant> = None;
    loop {
        pulse.beat();
        // Jobs that wait say so, also where no worker of this process looks for itself.
        if store.depth().await.is_ok_and(|depth| depth.queued > 0) {
            let _ = health.check(FRESH).await;
        }
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
        if looked.is_none_or(|last| last.elapsed() >= LOOK_EVERY) {
            looked = Some(Instant::now());
            if let Err(error) =
                clear_older(&artifacts, &Key::journals(), options.journal_retention).await
            {
                tracing::warn!(%error, "the journals cannot be cleared; trying again");
            }
            if let Err(error) =
                clear_older(&artifacts, &Key::uploads(), options.upload_retention).await
            {
                tracing::warn!(%error, "old uploads cannot be cleared; trying again");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(options.every) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Removes objects under a prefix that are older than this.
async fn clear_older(
    artifacts: &ArtifactStore,
    prefix: &Key,
    retention: Duration,
) -> Result<(), ArtifactError> {
    let now = jiff::Timestamp::now().as_millisecond();
    for object in artifacts.list(prefix).await? {
        if now - object.modified_ms > millis(retention)
            && let Ok(key) = Key::parse(&object.key)
        {
            artifacts.delete(&key).await?;
        }
    }
    Ok(())
}
