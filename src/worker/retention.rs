//! Removes what has been kept long enough: files of results, then their jobs, and old audit entries.
//!
//! Each step can be done twice, by two sweepers at once or by one after a crash, without harm.

use std::sync::Arc;

use crate::artifact::key::Key;
use crate::artifact::store::ArtifactStore;
use crate::job::retention::Retention;
use crate::job::store::{Store, StoreError};
use crate::job::{JobId, Scope};
use crate::prune::failure::Failure;

/// Jobs that one sweep removes of each kind; the next one goes on.
const BATCH: usize = 100;

/// Removes once.
pub(super) async fn remove_old(
    store: &Arc<dyn Store>,
    artifacts: &ArtifactStore,
    retention: Retention,
) -> Result<(), StoreError> {
    if let Some(age) = retention.files_ms() {
        for id in store.with_old_files(age, BATCH).await? {
            if remove_files(artifacts, id).await {
                store.note_files_removed(id).await?;
                tracing::info!(job = %id, "the files of a result were removed after their retention");
            }
        }
    }
    if let Some(age) = retention.jobs_ms {
        for id in store.ended_long_ago(age, BATCH).await? {
            if !remove_files(artifacts, id).await {
                continue;
            }
            match store.delete(&Scope::Service, id).await {
                Ok(_) => tracing::info!(job = %id, "a job was removed after its retention"),
                // Another sweeper, or its owner, was first.
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

/// Whether nothing of the job is left in the artifact store.
async fn remove_files(artifacts: &ArtifactStore, id: JobId) -> bool {
    let removed = match Key::job(&id.to_string()) {
        Ok(prefix) => artifacts
            .delete_prefix(&prefix)
            .await
            .map_err(Failure::from),
        Err(error) => Err(error.into()),
    };
    if let Err(failure) = &removed {
        tracing::warn!(job = %id, %failure, "files past their retention cannot be removed; trying again");
    }
    removed.is_ok()
}
