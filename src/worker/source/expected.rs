//! The expected size and digest of a file, and the check of the file on disk.

use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::prune::failure::{Code, Failure};
use crate::worker::removal::gone_or_removed;

/// Size of one read, in bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// The expected properties of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// Name of the file in messages.
    pub(super) name: String,
    /// Size of the file in bytes, if the listing states it.
    pub(super) bytes: Option<u64>,
    /// Digest of the content, if the listing states it.
    pub(super) digest: Option<Announced>,
    /// Maximum size, in bytes.
    pub(super) cap_bytes: u64,
}

/// A digest from a listing, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// SHA-256 of the content.
    Sha256(String),
    /// Git object id of the content: the SHA-1 of `blob`, its size and the content.
    GitBlob(String),
}

impl Announced {
    fn noun(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::GitBlob(_) => "git id",
        }
    }

    fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::GitBlob(hex) => hex,
        }
    }

    /// Computes the same kind of digest for the content of a file.
    async fn of(&self, path: &Path, bytes: u64) -> std::io::Result<String> {
        match self {
            Self::Sha256(_) => digested(path, Sha256::new()).await,
            Self::GitBlob(_) => {
                let begun = Sha1::new_with_prefix(format!("blob {bytes}\0"));
                digested(path, begun).await
            }
        }
    }
}

impl Expected {
    /// Checks the whole file on disk, including parts of earlier tries. `bytes` is the size that the response stated;
    /// it is used if the listing has none. A wrong file is removed, so that no later try resumes from it.
    ///
    /// # Errors
    /// Returns an error if the file differs from what was announced, or cannot be read.
    pub(super) async fn check(&self, path: &Path, bytes: Option<u64>) -> Result<(), Failure> {
        let found = tokio::fs::metadata(path).await?.len();
        if let Some(wanted) = self.bytes.or(bytes)
            && wanted != found
        {
            return self
                .refuse(
                    path,
                    &format!("has {found} bytes, but its announced size is {wanted}"),
                )
                .await;
        }
        let Some(announced) = &self.digest else {
            return Ok(());
        };
        let digest = announced.of(path, found).await?;
        if digest == announced.hex() {
            return Ok(());
        }
        let what = format!(
            "has the {} {digest}, but the listing says {}",
            announced.noun(),
            announced.hex()
        );
        self.refuse(path, &what).await
    }

    /// Removes the file, and returns the failure that says what is wrong with it.
    pub(super) async fn refuse(&self, path: &Path, what: &str) -> Result<(), Failure> {
        self.remove(path).await?;
        Err(Failure::new(
            Code::SourceMismatch,
            format!("{} {what}; submit the job again", self.name),
        ))
    }

    /// Removes the file if it exists.
    pub(super) async fn remove(&self, path: &Path) -> Result<(), Failure> {
        Ok(gone_or_removed(tokio::fs::remove_file(path).await)?)
    }
}

async fn digested(path: &Path, mut digest: impl sha2::Digest) -> std::io::Result<String> {
    let mut file = File::open(path).await?;
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut buffer).await? {
            0 => return Ok(hex::encode(digest.finalize())),
            count => digest.update(&buffer[..count]),
        }
    }
}
