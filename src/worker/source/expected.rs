//! What a file must be, and whether what lies on the disk is that.

use std::path::Path;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::prune::failure::{Code, Failure};
use crate::worker::gone_or_removed;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// What a file must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// What it is called in messages.
    pub(super) name: String,
    /// Its size, where the listing told it.
    pub(super) bytes: Option<u64>,
    /// The digest of its content, where the listing told it.
    pub(super) digest: Option<Announced>,
    /// Most bytes that are taken.
    pub(super) cap_bytes: u64,
}

/// A digest that a listing names, hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// SHA-256 of the content.
    Sha256(String),
    /// What git names the content by: SHA-1 of `blob`, its size and the content.
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

    /// The digest of the same kind of a file's content.
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
    /// Checks what lies on the disk, parts of earlier tries included: `bytes` as the answer told them where the
    /// listing did not. What is wrong is removed, so that nobody goes on from it.
    ///
    /// # Errors
    /// When it is not what was announced, or cannot be read.
    pub(super) async fn check(&self, path: &Path, bytes: Option<u64>) -> Result<(), Failure> {
        let found = tokio::fs::metadata(path).await?.len();
        if let Some(wanted) = self.bytes.or(bytes)
            && wanted != found
        {
            return self
                .refuse(
                    path,
                    &format!("has {found} bytes, but was announced with {wanted}"),
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
            "arrived with the {} {digest}, but its listing says {}",
            announced.noun(),
            announced.hex()
        );
        self.refuse(path, &what).await
    }

    /// Removes what arrived, and says what is wrong with it.
    pub(super) async fn refuse(&self, path: &Path, what: &str) -> Result<(), Failure> {
        self.remove(path).await?;
        Err(Failure::new(
            Code::SourceMismatch,
            format!("{} {what}; submit the job again", self.name),
        ))
    }

    /// Removes what lies there, if anything does.
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
