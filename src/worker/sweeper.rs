//! Ends jobs that no worker will end, and clears away what nobody will read again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::retention::remove_old;
use crate::artifact::store::ArtifactStore;
use crate::job::retention::Retention;
use crate::job::store::Store;

/// Deliveries to webhooks that ended are kept so long.
const DELIVERIES_KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// How the sweeper sweeps.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time between two sweeps.
    pub every: Duration,
    /// Documents of the journal are kept so long after they were written.
    pub journal_retention: Duration,
    /// How long what has ended is kept.
    pub retention: Retention,
    /// The workers' scratch space.
    pub work_dir: PathBuf,
}

/// Sweeps until it is told to stop.
pub async fn sweep(
    store: Arc<dyn Store>,
    artifacts: ArtifactStore,
    options: Options,
    stop: CancellationToken,
) {
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
        let (journal, retention) = (options.work_dir.join("journal"), options.journal_retention);
        let cleared = tokio::task::spawn_blocking(move || clear_older(&journal, retention)).await;
        if let Ok(Err(error)) = cleared {
            tracing::warn!(%error, "the journal cannot be cleared");
        }
        tokio::select! {
            () = tokio::time::sleep(options.every) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Removes what attempts of a process that is gone left behind. Only before workers start.
///
/// # Errors
/// When it cannot be removed.
pub fn clear_attempts(work_dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(work_dir.join("attempts")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn clear_older(folder: &Path, retention: Duration) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if age > retention {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
