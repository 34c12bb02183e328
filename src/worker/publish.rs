//! Uploads the files of an attempt to the artifact store, and removes them if the attempt does not succeed.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::reporter::Reporter;
use super::{SHUTDOWN_GRACE, Worker};
use crate::artifact::error::ArtifactError;
use crate::artifact::key::{InvalidKey, Key};
use crate::artifact::manifest::Manifest;
use crate::file_name::FileName;
use crate::job::store::StoreError;
use crate::job::{Lease, Scope};
use crate::prune::failure::{Code, Failure};
use crate::prune::watch::Watch;
use crate::telemetry::metric;

impl Worker {
    /// Uploads every file of the folder and of its subfolders under the keys of this attempt.
    pub(super) async fn store_files(
        &self,
        lease: &Lease,
        folder: &Path,
        reporter: &Reporter,
    ) -> Result<Manifest, Failure> {
        let names = FileName::all_in(folder)?;
        let mut manifest = Manifest::default();
        for (done, name) in names.iter().enumerate() {
            reporter.proceed()?;
            reporter.progress(done as u64, names.len() as u64);
            let key = Key::attempt_file(&lease.job.to_string(), lease.attempt, name)?;
            let stored = self
                .artifacts
                .upload(&key, name, &name.within(folder))
                .await?;
            metrics::counter!(metric::ARTIFACT_BYTES).increment(stored.bytes);
            manifest.files.push(stored);
        }
        reporter.progress(names.len() as u64, names.len() as u64);
        Ok(manifest)
    }

    /// Removes the files of earlier attempts, which a killed worker may have left. Fencing keeps a worker that is still
    /// alive from publishing them.
    pub(super) async fn discard_earlier(&self, lease: &Lease) -> Result<(), Failure> {
        for earlier in 1..lease.attempt {
            self.discard(&Lease {
                attempt: earlier,
                ..lease.clone()
            })
            .await;
        }
        Ok(())
    }

    /// Removes the files of this attempt. It gives up after the lease duration, or [`SHUTDOWN_GRACE`] after `shutdown`
    /// is canceled.
    pub(super) async fn tidy(&self, lease: &Lease, shutdown: &CancellationToken) {
        let time_up = async {
            tokio::select! {
                () = shutdown.cancelled() => tokio::time::sleep(SHUTDOWN_GRACE).await,
                () = tokio::time::sleep(self.options.lease) => {}
            }
        };
        tokio::select! {
            () = self.discard(lease) => {}
            () = time_up => tracing::warn!(job = %lease.job, attempt = lease.attempt, "could not remove the files of a dropped attempt in time"),
        }
    }

    /// Removes the files of this attempt, unless they are published: the end of the attempt may have been written
    /// although the worker got no response, and then they are the job's result. Files that cannot be removed now are
    /// removed by the next attempt, or with the job.
    pub(super) async fn discard(&self, lease: &Lease) {
        match self.is_published(lease).await {
            Ok(false) => {}
            Ok(true) => {
                tracing::warn!(job = %lease.job, attempt = lease.attempt, "the files of the attempt are the result of the job; keeping them");
                return;
            }
            Err(error) => {
                tracing::warn!(job = %lease.job, attempt = lease.attempt, %error, "could not check whether the files of an attempt are published; keeping them");
                return;
            }
        }
        let removed = match Key::attempt(&lease.job.to_string(), lease.attempt) {
            Ok(prefix) => self
                .artifacts
                .delete_prefix(&prefix)
                .await
                .map_err(Failure::from),
            Err(error) => Err(error.into()),
        };
        if let Err(failure) = removed {
            tracing::warn!(job = %lease.job, attempt = lease.attempt, %failure, "could not remove the files of a dropped attempt");
        }
    }

    /// Returns whether the manifest of the job names files of this attempt.
    async fn is_published(&self, lease: &Lease) -> Result<bool, StoreError> {
        let manifest = match self.jobs.manifest(&Scope::Service, lease.job).await {
            Ok(manifest) => manifest.unwrap_or_default(),
            Err(StoreError::NotFound(_)) => Manifest::default(),
            Err(error) => return Err(error),
        };
        let Ok(own) = Key::attempt(&lease.job.to_string(), lease.attempt) else {
            return Ok(false);
        };
        let is_own = |key: &str| {
            let rest = key.strip_prefix(own.as_str());
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        Ok(manifest.files.iter().any(|file| is_own(&file.key)))
    }
}

impl From<ArtifactError> for Failure {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Full => Self::new(
                Code::StorageFull,
                format!("{error}; free some space, then retry"),
            ),
            ArtifactError::Failed(_)
            | ArtifactError::Bucket(_)
            | ArtifactError::Refused(_)
            | ArtifactError::Stalled(..)
            | ArtifactError::Late { .. } => {
                tracing::error!(%error, "the artifact store failed");
                Self::new(Code::StorageUnavailable, error.public_message())
            }
            _ => Self::new(Code::StorageError, error.to_string()),
        }
    }
}

impl From<InvalidKey> for Failure {
    fn from(error: InvalidKey) -> Self {
        Self::new(Code::Internal, error.to_string())
    }
}
