//! What tenants send in: an object, and beside it a record of what it must be.
//!
//! An upload is pending until its bytes were found to be what was announced; only then is it taken up. The
//! record lies in the store itself, so that every process that reaches the store knows the same uploads.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use uuid::Uuid;

use super::error::ArtifactError;
use super::key::{BadPart, Key};
use super::store::ArtifactStore;

/// Longest record.
const MOST_RECORD_BYTES: u64 = 16 << 10;

/// Names an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadId(Uuid);

/// The text names no upload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no upload \"{0}\"")]
pub struct NoSuchUpload(String);

impl UploadId {
    /// A fresh name.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "upl_{}", self.0.hyphenated())
    }
}

impl FromStr for UploadId {
    type Err = NoSuchUpload;

    fn from_str(text: &str) -> Result<Self, NoSuchUpload> {
        let wrong = || NoSuchUpload(text.chars().take(64).collect());
        let uuid = text.strip_prefix("upl_").ok_or_else(wrong)?;
        let id = Uuid::try_parse(uuid).map(Self).map_err(|_| wrong())?;
        // One spelling only: it is part of keys and of signed URLs.
        (id.to_string() == text).then_some(id).ok_or_else(wrong)
    }
}

impl TryFrom<String> for UploadId {
    type Error = NoSuchUpload;

    fn try_from(text: String) -> Result<Self, NoSuchUpload> {
        text.parse()
    }
}

impl From<UploadId> for String {
    fn from(id: UploadId) -> Self {
        id.to_string()
    }
}

/// Whether an upload may be used.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// Its bytes have not been checked.
    Pending,
    /// It is what was announced.
    Ready,
}

impl UploadState {
    /// The state as it is written in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a tenant sends in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Its name in URIs.
    pub id: UploadId,
    /// File name; its end tells what it is.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, hex.
    pub sha256: String,
    /// Whether it may be used.
    pub state: UploadState,
    /// When it was announced, in Unix milliseconds.
    pub created_at: i64,
}

impl Upload {
    /// Where its content lies.
    ///
    /// # Errors
    /// When the tenant's name could lead elsewhere.
    pub fn key(&self, tenant: &str) -> Result<Key, BadPart> {
        Key::upload(tenant, &self.id.to_string())
    }
}

impl ArtifactStore {
    /// Writes the record of an upload.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_upload(&self, tenant: &str, upload: &Upload) -> Result<(), ArtifactError> {
        let record = serde_json::to_vec(upload).map_err(failed)?;
        self.put_bytes(&record_key(tenant, upload.id)?, Bytes::from(record))
            .await
    }

    /// The record of an upload.
    ///
    /// # Errors
    /// `NotFound` when this tenant has none of that name.
    pub async fn get_upload(&self, tenant: &str, id: UploadId) -> Result<Upload, ArtifactError> {
        let record = self
            .get_bytes(&record_key(tenant, id)?, MOST_RECORD_BYTES)
            .await?;
        serde_json::from_slice(&record).map_err(failed)
    }

    /// Counts the uploads of a tenant.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn count_uploads(&self, tenant: &str) -> Result<usize, ArtifactError> {
        Ok(self.upload_ids(tenant).await?.len())
    }

    /// Returns a page of at most `limit` uploads of a tenant, newest first, that are older than `before`, and whether more
    /// follow.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn list_uploads(
        &self,
        tenant: &str,
        before: Option<UploadId>,
        limit: usize,
    ) -> Result<(Vec<Upload>, bool), ArtifactError> {
        let mut ids = self.upload_ids(tenant).await?;
        ids.retain(|id| before.is_none_or(|before| *id < before));
        ids.sort_unstable_by(|left, right| right.cmp(left));
        let has_more = ids.len() > limit;
        let mut uploads = Vec::new();
        for id in ids.into_iter().take(limit) {
            match self.get_upload(tenant, id).await {
                Ok(upload) => uploads.push(upload),
                // Deleted since the ids were read.
                Err(ArtifactError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((uploads, has_more))
    }

    async fn upload_ids(&self, tenant: &str) -> Result<Vec<UploadId>, ArtifactError> {
        let objects = self.list(&Key::uploads_of(tenant).map_err(failed)?).await?;
        let names = objects.iter().filter_map(|object| {
            let name = object.key.rsplit('/').next()?;
            name.strip_suffix(".json")?.parse().ok()
        });
        Ok(names.collect())
    }

    /// Removes an upload; the record last, so that what is half removed can be removed again.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn delete_upload(&self, tenant: &str, id: UploadId) -> Result<(), ArtifactError> {
        let content = Key::upload(tenant, &id.to_string()).map_err(failed)?;
        self.delete(&content).await?;
        self.delete(&record_key(tenant, id)?).await
    }
}

fn record_key(tenant: &str, id: UploadId) -> Result<Key, ArtifactError> {
    Key::upload(tenant, &format!("{id}.json")).map_err(failed)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ArtifactError {
    ArtifactError::Failed(Box::new(error))
}
