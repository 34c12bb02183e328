//! What a store gives, into a local file.

use std::path::Path;

use bytes::Bytes;
use futures::Stream;
use tokio::io::AsyncWriteExt;

use super::error::ArtifactError;
use super::progress::{Pace, Patience};

/// Copies an object's chunks to a file, which is on the disk when this answers its size. A file that was begun
/// is removed on failure.
pub(super) async fn to_file(
    key: &str,
    chunks: impl Stream<Item = Result<Bytes, ArtifactError>> + Unpin,
    path: &Path,
    cap_bytes: u64,
    patience: Patience,
) -> Result<u64, ArtifactError> {
    let copied = capped(key, chunks, path, cap_bytes, patience).await;
    if copied.is_err() {
        // The first error is the one to tell.
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
    // A copy that nobody waits for any more may still have a write on its way: not into this file.
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
