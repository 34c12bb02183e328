//! Copies an object to a local file.

use std::path::Path;

use bytes::Bytes;
use futures::Stream;
use tokio::io::AsyncWriteExt;

use super::error::ArtifactError;
use super::progress::{Pace, Patience};

/// Copies an object's chunks to a file, and syncs the file to disk before it returns the size in bytes. On failure, the
/// incomplete file is removed.
pub(super) async fn to_file(
    key: &str,
    chunks: impl Stream<Item = Result<Bytes, ArtifactError>> + Unpin,
    path: &Path,
    cap_bytes: u64,
    patience: Patience,
) -> Result<u64, ArtifactError> {
    let copied = capped(key, chunks, path, cap_bytes, patience).await;
    if copied.is_err() {
        // The first error is reported, not a failure to remove the file.
        let _ = tokio::fs::remove_file(path).await;
    }
    copied
}

async fn capped(
    key: &str,
    mut chunks: impl Stream<Item = Result<Bytes, ArtifactError>> + Unpin,
    path: &Path,
    cap_bytes: u64,
    patience: Patience,
) -> Result<u64, ArtifactError> {
    // A canceled copy may still have a pending write to the old file. A new file does not receive it.
    let _ = tokio::fs::remove_file(path).await;
    let mut pace = Pace::new(patience);
    let mut file = tokio::fs::File::create(path).await?;
    let mut total = 0;
    loop {
        let next = pace.next(&mut chunks).await;
        let next = next.map_err(|stalled| ArtifactError::Stalled(key.to_owned(), stalled))?;
        let Some(chunk) = next.transpose()? else {
            break;
        };
        total += chunk.len() as u64;
        if total > cap_bytes {
            return Err(ArtifactError::too_large(key, cap_bytes));
        }
        file.write_all(&chunk).await?;
    }
    file.sync_all().await?;
    Ok(total)
}
