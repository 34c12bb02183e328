//! An attempt's files into the artifact store, and out of it again when nobody wants them.

use std::path::Path;

use super::Worker;
use super::reporter::Reporter;
use crate::artifact::error::ArtifactError;
use crate::artifact::key::{BadPart, Key};
use crate::artifact::manifest::Manifest;
use crate::job::Lease;
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;
use crate::telemetry::metric;

impl Worker {
    /// Stores every file of the folder at this attempt's keys.
    pub(super) async fn store_files(
        &self,
        lease: &Lease,
        folder: &Path,
        reporter: &Reporter,
    ) -> Result<Manifest, Failure> {
        let mut names = Vec::new();
        let mut entries = tokio::fs::read_dir(folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        let mut manifest = Manifest::default();
        for (done, name) in names.iter().enumerate() {
            reporter.proceed()?;
            reporter.progress(done as u64, names.len() as u64);
            let key = Key::attempt_file(&lease.job.to_string(), lease.attempt, name)?;
            let stored = self
                .artifacts
                .upload(&key, name, &folder.join(name))
                .await?;
            metrics::counter!(metric::ARTIFACT_BYTES).increment(stored.bytes);
            manifest.files.push(stored);
        }
        reporter.progress(names.len() as u64, names.len() as u64);
        Ok(manifest)
    }

    /// Removes what this attempt stored. What cannot be removed now goes with the next attempt, or with the job.
    pub(super) async fn discard(&self, lease: &Lease) {
        let removed = match Key::attempt(&lease.job.to_string(), lease.attempt) {
            Ok(prefix) => self
                .artifacts
                .delete_prefix(&prefix)
                .await
                .map_err(Failure::from),
            Err(error) => Err(error.into()),
        };
        if let Err(failure) = removed {
            tracing::warn!(job = %lease.job, attempt = lease.attempt, %failure, "files of a dropped attempt stay behind");
        }
    }
}

impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Full => Self::new(
                Code::StorageFull,
                format!("{error}; free some space and retry"),
            ),
            // What a library says of it is for the operator.
            ArtifactError::Failed(_) => {
                tracing::error!(%error, "the artifact store failed");
                Self::new(
                    Code::StorageError,
                    "the artifact store failed; the service's log tells why",
                )
            }
            _ => Self::new(Code::StorageError, error.to_string()),
        }
    }
}

impl From<BadPart> for Failure {
    fn from(error: BadPart) -> Self {
        Self::new(Code::Internal, error.to_string())
    }
}
