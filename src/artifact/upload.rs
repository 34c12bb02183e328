//! One file into the store, part by part: whole afterwards, or not there at all.
//!
//! Memory is bounded by the parts that are under way. Whatever ends an upload early, a failure or the
//! caller who no longer waits, takes back the parts that were sent.

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
use super::store::ArtifactStore;

/// Services take parts from 5 MiB.
const PART_BYTES: u64 = 8 << 20;
/// Services take 10,000 parts; some room is left for a file that grows.
const MOST_PARTS: u64 = 9_000;
const PARTS_UNDER_WAY: usize = 4;
const ABORT_TRIES: usize = 20;
const ABORT_PAUSE: Duration = Duration::from_secs(1);

impl ArtifactStore {
    /// Stores a local file and says what was stored. Either the whole object is there afterwards or none;
    /// so too when the caller stops waiting.
    ///
    /// # Errors
    /// When the file cannot be read or the object not be written.
    pub async fn upload(
        &self,
        key: &Key,
        name: &str,
        path: &FilePath,
    ) -> Result<StoredFile, ArtifactError> {
        let mut file = tokio::fs::File::open(path).await?;
        let length = file.metadata().await?.len();
        let part = PART_BYTES.max(length.div_ceil(MOST_PARTS)) as usize;
        let at = self.at(key);
        let mut digest = Sha256::new();
        let first = next(&mut file, part).await?;
        digest.update(&first);
        let mut total = first.len() as u64;
        if first.len() < part {
            self.timely(self.inner.put(&at, first.into())).await?;
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
            name: name.to_owned(),
            key: key.to_string(),
            bytes: total,
            sha256: hex::encode(digest.finalize()),
        })
    }
}

impl ArtifactStore {
    /// Stores what is sent: exactly so many bytes, or nothing.
    ///
    /// # Errors
    /// `TooLarge` or `Cut` when it is another number; when sending stops; when the object cannot be written.
    pub async fn receive(
        &self,
        key: &Key,
        mut content: impl Stream<Item = std::io::Result<Bytes>> + Unpin,
        bytes: u64,
    ) -> Result<(), ArtifactError> {
        let mut draft = Draft::begin(self, &self.at(key)).await?;
        let (mut part, mut total) = (BytesMut::new(), 0);
        while let Some(chunk) = content.next().await {
            let chunk = chunk.map_err(|_| ArtifactError::Cut)?;
            total += chunk.len() as u64;
            if total > bytes {
                return Err(ArtifactError::too_large(key.as_str(), bytes));
            }
            part.extend_from_slice(&chunk);
            if part.len() as u64 >= PART_BYTES {
                draft.send(self, part.split().freeze()).await?;
            }
        }
        if total < bytes {
            return Err(ArtifactError::Cut);
        }
        draft.send(self, part.freeze()).await?;
        draft.complete(self).await
    }
}

/// Up to so many bytes; fewer only at the end of the file.
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

/// An upload that is not complete. Dropped, it takes back what it sent.
struct Draft {
    upload: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<Result<(), ArtifactError>>,
}

impl Draft {
    async fn begin(store: &ArtifactStore, at: &Path) -> Result<Self, ArtifactError> {
        let (inner, at) = (Arc::clone(&store.inner), at.clone());
        // Once asked for, an upload is there, whoever still waits for the answer: so the answer is heard in any
        // case, and a draft that nobody takes takes itself back.
        let begun = tokio::spawn(async move {
            Ok(Self {
                upload: Some(inner.put_multipart(&at).await?),
                parts: JoinSet::new(),
            })
        });
        let begun = async { Ok(begun.await) };
        match store.timely(begun).await? {
            Ok(draft) => draft.map_err(|error| store.failed(error)),
            Err(error) => Err(ArtifactError::Failed(Box::new(error))),
        }
    }

    async fn send(&mut self, store: &ArtifactStore, part: Bytes) -> Result<(), ArtifactError> {
        while self.parts.len() >= PARTS_UNDER_WAY {
            self.one_done().await?;
        }
        if let Some(upload) = &mut self.upload {
            let (store, sent) = (store.clone(), upload.put_part(part.into()));
            self.parts.spawn(async move { store.timely(sent).await });
        }
        Ok(())
    }

    async fn complete(mut self, store: &ArtifactStore) -> Result<(), ArtifactError> {
        while !self.parts.is_empty() {
            self.one_done().await?;
        }
        if let Some(upload) = &mut self.upload {
            store.timely(upload.complete()).await?;
        }
        self.upload = None;
        Ok(())
    }

    async fn one_done(&mut self) -> Result<(), ArtifactError> {
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
        // Outside a runtime nobody can be asked any more; the bucket's lifecycle rule clears the parts.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            // A part that arrives after the end of its upload would stay for ever.
            parts.shutdown().await;
            // What ended the upload may be that the service is away for a moment.
            for _ in 0..ABORT_TRIES {
                if upload.abort().await.is_ok() {
                    return;
                }
                tokio::time::sleep(ABORT_PAUSE).await;
            }
            tracing::warn!("the parts of an upload that ended early stay behind");
        });
    }
}
