//! Uploads of tenants: for each upload, the content and a record of its announced size and digest. The content is one
//! object, or one for each part.
//!
//! An upload is pending until its content is checked against the announcement. Jobs can use it only after that
//! check. The records are kept in the store, so that all processes that use the store know the same uploads.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use futures::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use uuid::Uuid;

use super::error::ArtifactError;
use super::key::{InvalidKey, Key};
use super::store::ArtifactStore;

/// Maximum size of a record, in bytes.
const MAX_RECORD_BYTES: u64 = 16 << 10;

/// Size of a part of the content of a new upload, in bytes.
pub const PART_BYTES: u64 = 8 << 20;

/// Maximum number of records that are read at the same time.
const MAX_CONCURRENT_READS: usize = 8;

/// ID of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadId(Uuid);

/// Error for a text that is not the ID of an upload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("upload \"{0}\" not found")]
pub struct NoSuchUpload(String);

impl UploadId {
    /// Creates a new unique ID.
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
        // Only one spelling is accepted, because the ID is a part of keys and of signed URLs.
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

/// State of an upload.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// The content has not arrived or has not been checked.
    Pending,
    /// The content has the announced size and SHA-256. Jobs can use the upload.
    Ready,
}

/// The record of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// ID in URIs.
    pub id: UploadId,
    /// File name. Its extension tells the format of the content.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, hex.
    pub sha256: String,
    /// Size of a part in bytes, if the content is sent in parts.
    #[serde(default = "part_bytes")]
    pub part_bytes: u64,
    /// Whether the content has been checked.
    pub state: UploadState,
    /// Time of the announcement, in Unix milliseconds.
    pub created_at: i64,
}

impl Upload {
    /// Returns the key of the content.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if the tenant's name is not allowed in a key.
    pub fn key(&self, tenant: &str) -> Result<Key, InvalidKey> {
        Key::upload(tenant, &self.id.to_string())
    }
}

/// What the uploads of a tenant may take up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadQuota {
    /// Maximum number of uploads.
    pub count: u64,
    /// Maximum total size of their announced contents, in bytes.
    pub bytes: u64,
}

impl Default for UploadQuota {
    fn default() -> Self {
        Self {
            count: 200,
            bytes: 100 << 30,
        }
    }
}

/// What the uploads of a tenant take up, whether or not their contents have arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UploadUsage {
    /// Number of uploads.
    pub count: u64,
    /// Total size of their announced contents, in bytes.
    pub bytes: u64,
}

impl ArtifactStore {
    /// Writes the record of an upload.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the record cannot be written.
    pub async fn put_upload(&self, tenant: &str, upload: &Upload) -> Result<(), ArtifactError> {
        let record = serde_json::to_vec(upload).map_err(failed)?;
        self.put_bytes(&record_key(tenant, upload.id)?, Bytes::from(record))
            .await
    }

    /// Returns the record of an upload.
    ///
    /// # Errors
    /// Returns [`ArtifactError::NotFound`] if this tenant has no such upload, and another [`ArtifactError`] if the
    /// record cannot be read.
    pub async fn get_upload(&self, tenant: &str, id: UploadId) -> Result<Upload, ArtifactError> {
        let record = self
            .get_bytes(&record_key(tenant, id)?, MAX_RECORD_BYTES)
            .await?;
        serde_json::from_slice(&record).map_err(failed)
    }

    /// Returns what the uploads of a tenant take up; with `last`, only those that are not newer than this one.
    ///
    /// # Errors
    /// Returns the error of the store.
    pub async fn upload_usage(
        &self,
        tenant: &str,
        last: Option<UploadId>,
    ) -> Result<UploadUsage, ArtifactError> {
        let mut ids = self.upload_ids(tenant).await?;
        ids.retain(|id| last.is_none_or(|last| *id <= last));
        let mut usage = UploadUsage::default();
        for upload in self.get_uploads(tenant, ids).await? {
            usage.count += 1;
            usage.bytes = usage.bytes.saturating_add(upload.bytes);
        }
        Ok(usage)
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
        ids.truncate(limit);
        Ok((self.get_uploads(tenant, ids).await?, has_more))
    }

    /// Returns the records of uploads in the order of the ids. Uploads that were deleted meanwhile are left out.
    async fn get_uploads(
        &self,
        tenant: &str,
        ids: Vec<UploadId>,
    ) -> Result<Vec<Upload>, ArtifactError> {
        let reads: Vec<_> = ids
            .into_iter()
            .map(|id| self.get_upload(tenant, id))
            .collect();
        let mut reads = futures::stream::iter(reads).buffered(MAX_CONCURRENT_READS);
        let mut uploads = Vec::new();
        while let Some(read) = reads.next().await {
            match read {
                Ok(upload) => uploads.push(upload),
                Err(ArtifactError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(uploads)
    }

    async fn upload_ids(&self, tenant: &str) -> Result<Vec<UploadId>, ArtifactError> {
        let objects = self.list(&Key::uploads_of(tenant).map_err(failed)?).await?;
        let names = objects.iter().filter_map(|object| {
            let name = object.key.rsplit('/').next()?;
            name.strip_suffix(".json")?.parse().ok()
        });
        Ok(names.collect())
    }

    /// Removes an upload. The record is removed last, so that an interrupted removal can be repeated.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the upload cannot be removed.
    pub async fn delete_upload(&self, tenant: &str, id: UploadId) -> Result<(), ArtifactError> {
        let content = Key::upload(tenant, &id.to_string()).map_err(failed)?;
        self.delete(&content).await?;
        let parts = Key::parts_of(tenant, &id.to_string()).map_err(failed)?;
        self.delete_prefix(&parts).await?;
        self.delete(&record_key(tenant, id)?).await
    }
}

/// The size of a part of an upload whose record has none.
fn part_bytes() -> u64 {
    PART_BYTES
}

impl ArtifactStore {
    /// Removes the contents that no upload announces: those of deleted uploads, and those that are larger than announced.
    /// A bucket accepts them until the URL of the upload expires. Returns their number.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the contents cannot be listed or removed, or if a record cannot be read.
    pub async fn remove_unannounced_contents(&self) -> Result<usize, ArtifactError> {
        let mut removed = 0;
        let mut objects = self.list(&Key::uploads()).await?;
        objects.extend(self.list(&Key::parts()).await?);
        for object in objects {
            let names: Vec<&str> = object.key.split('/').collect();
            let (tenant, id, part) = match names.as_slice() {
                [_, tenant, id] => (tenant, id, None),
                [_, tenant, id, number] => (tenant, id, number.parse().ok()),
                _ => continue,
            };
            // A record is not a content: its name is not an ID.
            let (Ok(id), Ok(content)) = (id.parse(), Key::parse(&object.key)) else {
                continue;
            };
            let is_announced = match self.get_upload(tenant, id).await {
                Ok(upload) => {
                    let most = match part {
                        Some(number) => upload.bytes_of_part(number),
                        None => Some(upload.bytes),
                    };
                    most.is_some_and(|most| object.bytes <= most)
                }
                Err(ArtifactError::NotFound(_)) => false,
                Err(error) => return Err(error),
            };
            if !is_announced {
                self.delete(&content).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn record_key(tenant: &str, id: UploadId) -> Result<Key, ArtifactError> {
    Key::upload(tenant, &format!("{id}.json")).map_err(failed)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ArtifactError {
    ArtifactError::Failed(Box::new(error))
}
