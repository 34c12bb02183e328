//! Removes data after its retention period: result files, then their jobs, and old audit entries.
//!
//! Every step is idempotent: two concurrent sweepers, or a sweeper after a crash, may repeat it.

use std::sync::Arc;

use crate::artifact::key::Key;
use crate::artifact::store::ArtifactStore;
use crate::job::retention::Retention;
use crate::job::store::{Store, StoreError};
use crate::job::{JobId, Scope};
use crate::prune::failure::Failure;

/// Maximum number of jobs that one sweep handles in each step; the next sweep continues.
const BATCH: usize = 100;

/// Runs one pass.
pub(super) async fn remove_old(
    store: &Arc<dyn Store>,
    artifacts: &ArtifactStore,
    retention: Retention,
) -> Result<(), StoreError> {
    if let Some(age) = retention.files_ms() {
        for id in store.with_old_files(age, BATCH).await? {
            if remove_files(artifacts, id).await {
                store.note_files_removed(id).await?;
                tracing::info!(job = %id, "removed the result files of a job after their retention period");
            }
        }
    }
    if let Some(age) = retention.jobs_ms {
        for id in store.ended_long_ago(age, BATCH).await? {
            if !remove_files(artifacts, id).await {
                continue;
            }
            match store.delete(&Scope::Service, id).await {
                Ok(_) => tracing::info!(job = %id, "removed a job after its retention period"),
                // Another sweeper or a client deleted the job first.
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    if let Some(age) = retention.audit_ms {
        store.forget_deeds(age).await?;
    }
    Ok(())
}

/// Removes the files of a job from the artifact store, and returns whether it succeeded.
async fn remove_files(artifacts: &ArtifactStore, id: JobId) -> bool {
    let removed = match Key::job(&id.to_string()) {
        Ok(prefix) => artifacts
            .delete_prefix(&prefix)
            .await
            .map_err(Failure::from),
        Err(error) => Err(error.into()),
    };
    if let Err(failure) = &removed {
        tracing::warn!(job = %id, %failure, "could not remove files after their retention period; retrying");
    }
    removed.is_ok()
}
