//! Uploads a file to the store in parts. The upload is atomic: either the whole object is stored, or nothing.
//!
//! Memory is bounded by the parts in flight. If an upload ends early, because it fails or because the caller cancels
//! it, the parts that were already sent are removed.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use super::error::ArtifactError;
use super::key::Key;
use super::manifest::StoredFile;
use super::network;
use super::store::{ArtifactStore, Backend};
use crate::file_name::FileName;

/// Minimum size of a part, in bytes. S3 services require at least 5 MiB.
const PART_BYTES: u64 = 8 << 20;
/// Maximum number of parts. S3 services accept 10,000; the rest is room for a file that grows during the upload.
const MAX_PARTS: u64 = 9_000;
const MAX_PARTS_IN_FLIGHT: usize = 4;
/// Size of a part of a received stream in a local folder, in bytes. It is small because many clients can send at the same
/// time.
const RECEIVED_PART_BYTES: u64 = 1 << 20;
const ABORT_TRIES: usize = 20;
const ABORT_RETRY_DELAY: Duration = Duration::from_secs(1);

impl ArtifactStore {
    /// Stores a local file and returns its manifest entry. Either the whole object is stored or nothing, even if the
    /// caller cancels the call.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the file cannot be read or the object cannot be written.
    pub async fn upload(
        &self,
        key: &Key,
        name: &FileName,
        path: &FilePath,
    ) -> Result<StoredFile, ArtifactError> {
        let mut file = tokio::fs::File::open(path).await?;
        let length = file.metadata().await?.len();
        let part = PART_BYTES.max(length.div_ceil(MAX_PARTS)) as usize;
        let at = self.at(key);
        let mut digest = Sha256::new();
        let first = next(&mut file, part).await?;
        digest.update(&first);
        let mut total = first.len() as u64;
        if first.len() < part {
            self.with_timeout(self.inner.put(&at, first.into())).await?;
        } else {
            let mut draft = Draft::begin(self, &at).await?;
            draft.send(self, first).await?;
            loop {
                let bytes = next(&mut file, part).await?;
                if bytes.is_empty() {
                    break;
                }
                digest.update(&bytes);
                total += bytes.len() as u64;
                draft.send(self, bytes).await?;
            }
            draft.complete(self).await?;
        }
        Ok(StoredFile {
            name: name.clone(),
            key: key.to_string(),
            bytes: total,
            sha256: hex::encode(digest.finalize()),
        })
    }
}

impl ArtifactStore {
    /// Stores a stream of exactly this SHA-256 (hex) and size in bytes. If the stream differs, stores nothing.
    ///
    /// # Errors
    /// Returns [`ArtifactError::TooLarge`] if the stream has more bytes, [`ArtifactError::Stalled`] if it fails because it
    /// stalled, [`ArtifactError::Cut`] if it has fewer bytes or fails otherwise, [`ArtifactError::Altered`] if it has
    /// another SHA-256, and another [`ArtifactError`] if the object cannot be written.
    pub async fn receive(
        &self,
        key: &Key,
        mut content: impl Stream<Item = std::io::Result<Bytes>> + Unpin,
        (sha256, bytes): (&str, u64),
    ) -> Result<(), ArtifactError> {
        let mut draft = Draft::begin(self, &self.at(key)).await?;
        let part_bytes = match &self.backend {
            Backend::Local { .. } => RECEIVED_PART_BYTES,
            Backend::S3(_) => PART_BYTES,
        };
        let failed = |error: &std::io::Error| match network::cause(error) {
            Some(stalled) => ArtifactError::Stalled(key.to_string(), *stalled),
            None => ArtifactError::Cut,
        };
        let (mut part, mut total, mut digest) = (BytesMut::new(), 0, Sha256::new());
        while let Some(chunk) = content.next().await {
            let chunk = chunk.map_err(|error| failed(&error))?;
            total += chunk.len() as u64;
            if total > bytes {
                return Err(ArtifactError::too_large(key.as_str(), bytes));
            }
            digest.update(&chunk);
            part.extend_from_slice(&chunk);
            if part.len() as u64 >= part_bytes {
                draft.send(self, part.split().freeze()).await?;
            }
        }
        if total < bytes {
            return Err(ArtifactError::Cut);
        }
        if hex::encode(digest.finalize()) != sha256 {
            return Err(ArtifactError::Altered);
        }
        draft.send(self, part.freeze()).await?;
        draft.complete(self).await
    }
}

/// Reads the next `part` bytes, or fewer at the end of the file.
async fn next(file: &mut tokio::fs::File, part: usize) -> std::io::Result<Bytes> {
    let mut buffer = BytesMut::with_capacity(part.min(PART_BYTES as usize));
    let mut rest = file.take(part as u64);
    while rest.read_buf(&mut buffer).await? > 0 {
        if buffer.len() < part && buffer.len() == buffer.capacity() {
            buffer.reserve(PART_BYTES as usize);
        }
    }
    Ok(buffer.freeze())
}

/// An incomplete upload. If it is dropped, it aborts the upload and so removes the parts that were sent.
struct Draft {
    upload: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<Result<(), ArtifactError>>,
}

impl Draft {
    async fn begin(store: &ArtifactStore, at: &Path) -> Result<Self, ArtifactError> {
        let (inner, at) = (Arc::clone(&store.inner), at.clone());
        // After the request is sent, the upload may exist even if the caller has stopped waiting. A separate task
        // therefore always receives the response; a draft that the caller does not take is dropped, which aborts it.
        let begun = tokio::spawn(async move {
            Ok(Self {
                upload: Some(inner.put_multipart(&at).await?),
                parts: JoinSet::new(),
            })
        });
        let begun = async { Ok(begun.await) };
        match store.with_timeout(begun).await? {
            Ok(draft) => draft.map_err(|error| store.failed(error)),
            Err(error) => Err(ArtifactError::Failed(Box::new(error))),
        }
    }

    async fn send(&mut self, store: &ArtifactStore, part: Bytes) -> Result<(), ArtifactError> {
        while self.parts.len() >= MAX_PARTS_IN_FLIGHT {
            self.finish_one_part().await?;
        }
        if let Some(upload) = &mut self.upload {
            let (store, sent) = (store.clone(), upload.put_part(part.into()));
            self.parts
                .spawn(async move { store.with_timeout(sent).await });
        }
        Ok(())
    }

    async fn complete(mut self, store: &ArtifactStore) -> Result<(), ArtifactError> {
        while !self.parts.is_empty() {
            self.finish_one_part().await?;
        }
        if let Some(upload) = &mut self.upload {
            store.with_timeout(upload.complete()).await?;
        }
        self.upload = None;
        Ok(())
    }

    async fn finish_one_part(&mut self) -> Result<(), ArtifactError> {
        match self.parts.join_next().await {
            Some(Ok(sent)) => sent,
            Some(Err(error)) => Err(ArtifactError::Failed(Box::new(error))),
            None => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else {
            return;
        };
        let mut parts = std::mem::take(&mut self.parts);
        // Without a runtime no request can be sent; the bucket's lifecycle rule removes the parts.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            // A part that arrives after the abort would never be removed.
            parts.shutdown().await;
            // The upload may have ended because the service is unavailable for a moment.
            for _ in 0..ABORT_TRIES {
                if upload.abort().await.is_ok() {
                    return;
                }
                tokio::time::sleep(ABORT_RETRY_DELAY).await;
            }
            tracing::warn!("could not abort an incomplete upload; its parts remain in the store");
        });
    }
}
