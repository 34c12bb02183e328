//! The object store: files in, byte ranges out.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::error::ArtifactError;
use super::key::Key;
use super::manifest::StoredFile;

/// Bytes that are read, digested and written at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Where artifacts live.
#[derive(Clone)]
pub struct ArtifactStore {
    inner: Arc<dyn ObjectStore>,
    /// The folder of a local store.
    folder: Option<PathBuf>,
}

impl ArtifactStore {
    /// A local folder, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made or used.
    pub fn local(root: &Path) -> Result<Self, ArtifactError> {
        std::fs::create_dir_all(root)?;
        let inner = LocalFileSystem::new_with_prefix(root)?
            .with_automatic_cleanup(true)
            .with_fsync(true);
        Ok(Self {
            inner: Arc::new(inner),
            folder: Some(root.to_owned()),
        })
    }

    /// Stores a local file and says what was stored. Either the whole object is there afterwards or none.
    ///
    /// # Errors
    /// When the file cannot be read or the object not be written.
    pub async fn upload(
        &self,
        key: &Key,
        name: &str,
        path: &Path,
    ) -> Result<StoredFile, ArtifactError> {
        let mut file = tokio::fs::File::open(path).await?;
        let mut writer = BufWriter::new(Arc::clone(&self.inner), key.as_str().into());
        match copy(&mut file, &mut writer).await {
            Ok((bytes, sha256)) => Ok(StoredFile {
                name: name.to_owned(),
                key: key.to_string(),
                bytes,
                sha256,
            }),
            Err(error) => {
                // What was sent so far must not stay behind; the first error is the one to tell.
                let _ = writer.abort().await;
                Err(error.into())
            }
        }
    }

    /// Size of an object in bytes.
    ///
    /// # Errors
    /// When there is no such object.
    pub async fn size(&self, key: &Key) -> Result<u64, ArtifactError> {
        Ok(self.inner.head(&key.as_str().into()).await?.size)
    }

    /// The bytes of an object, or a range of them, chunk by chunk.
    ///
    /// # Errors
    /// When there is no such object.
    pub async fn read(
        &self,
        key: &Key,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, ArtifactError>>, ArtifactError> {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let found = self.inner.get_opts(&key.as_str().into(), options).await?;
        Ok(found.into_stream().map_err(ArtifactError::from).boxed())
    }

    /// Removes everything under a prefix, drafts of uploads that were killed too; nothing there is no error.
    ///
    /// # Errors
    /// When an object cannot be removed.
    pub async fn delete_prefix(&self, prefix: &Key) -> Result<(), ArtifactError> {
        let path = prefix.as_str().into();
        let found: Vec<_> = self
            .inner
            .list(Some(&path))
            .map_ok(|object| object.location)
            .try_collect()
            .await?;
        for location in found {
            match self.inner.delete(&location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // An upload that was killed leaves its draft, which a listing hides.
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        match tokio::fs::remove_dir_all(folder.join(prefix.as_str())).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Whether the store takes, gives back and removes an object.
    ///
    /// # Errors
    /// When it does not.
    pub async fn probe(&self) -> Result<(), ArtifactError> {
        let path = Key::probe().as_str().into();
        self.inner
            .put(&path, Bytes::from_static(b"ready").into())
            .await?;
        self.inner.get(&path).await?.bytes().await?;
        Ok(())
    }
}

async fn copy(
    file: &mut tokio::fs::File,
    writer: &mut BufWriter,
) -> std::io::Result<(u64, String)> {
    let mut digest = Sha256::new();
    let mut total = 0;
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = file.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
        writer.write_all(&buffer[..count]).await?;
        total += count as u64;
    }
    writer.shutdown().await?;
    Ok((total, hex::encode(digest.finalize())))
}
