//! Ends jobs that no worker will end, and removes data after its retention period.

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

/// Retention period of webhook deliveries after their end, in milliseconds.
const DELIVERY_RETENTION_MS: i64 = 30 * 24 * 3_600_000;

/// Interval between listings of journals and uploads. It is long because listing a bucket costs money.
const LIST_INTERVAL: Duration = Duration::from_secs(3_600);

/// Settings of the sweeper.
#[derive(Clone, Debug)]
pub struct Options {
    /// Interval between two sweeps.
    pub every: Duration,
    /// Retention period of journal documents, from the time they were written.
    pub journal_retention: Duration,
    /// Retention period of uploads, from the time the stored object was written.
    pub upload_retention: Duration,
    /// Retention periods of ended jobs, their files and the audit log.
    pub retention: Retention,
}

/// Sweeps at a fixed interval until `stop` is canceled.
pub async fn sweep(
    store: Arc<dyn Store>,
    health: Health,
    options: Options,
    pulse: Pulse,
    stop: CancellationToken,
) {
    let artifacts = health.store().clone();
    let mut listed: Option<Instant> = None;
    loop {
        pulse.beat();
        // Refresh the health of the artifact store while jobs wait, so that the process reports an outage even if it
        // runs no worker.
        if store.depth().await.is_ok_and(|depth| depth.queued > 0) {
            let _ = health.check(FRESH).await;
        }
        match store.sweep().await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "ended jobs that no worker runs"),
            Err(error) => tracing::warn!(%error, "could not sweep the queue; retrying"),
        }
        if let Err(error) = remove_old(&store, &artifacts, options.retention).await {
            tracing::warn!(%error, "could not remove data after its retention period; retrying");
        }
        if let Err(error) = store.sweep_deliveries(DELIVERY_RETENTION_MS).await {
            tracing::warn!(%error, "could not remove old webhook deliveries; retrying");
        }
        if listed.is_none_or(|last| last.elapsed() >= LIST_INTERVAL) {
            listed = Some(Instant::now());
            if let Err(error) =
                clear_older(&artifacts, &Key::journals(), options.journal_retention).await
            {
                tracing::warn!(%error, "could not remove old journal documents; retrying");
            }
            for prefix in [Key::uploads(), Key::parts()] {
                if let Err(error) = clear_older(&artifacts, &prefix, options.upload_retention).await
                {
                    tracing::warn!(%error, "could not remove old uploads; retrying");
                }
            }
            match artifacts.remove_unannounced_contents().await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed contents that no upload announces"),
                Err(error) => {
                    tracing::warn!(%error, "could not remove contents that no upload announces; retrying");
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(options.every) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Removes the objects under a prefix that are older than the retention period.
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
