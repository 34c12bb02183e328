//! Finished stages, kept so that a killed job goes on from where it was.
//!
//! One document a stage, named by the stage and by a digest of everything that the stage read:
//! weights, data rows, settings, seed. Another digest is another document, so a stale one can
//! never be taken up by mistake. A document is kept [sealed](seal): one that was changed where it lies is none.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::failure::Failure;

/// What a sealed document begins with, before the SHA-256 of the rest.
const SEAL: &[u8] = b"optin journal 1\n";
const DIGEST_BYTES: usize = 32;

/// The document with the digest of its content in front.
#[must_use]
pub fn seal(document: &[u8]) -> Vec<u8> {
    let digest = Sha256::digest(document);
    [SEAL, digest.as_slice(), document].concat()
}

/// The document within a seal; `None` when the content is not what was sealed.
#[must_use]
pub fn unseal(mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let rest = sealed.strip_prefix(SEAL)?;
    let (digest, document) = rest.split_at_checked(DIGEST_BYTES)?;
    if Sha256::digest(document).as_slice() != digest {
        return None;
    }
    sealed.drain(..SEAL.len() + DIGEST_BYTES);
    Some(sealed)
}

/// Where finished stages are kept.
pub trait Journal: Sync {
    /// The document, if this stage was finished with these inputs before and nobody changed it since.
    ///
    /// # Errors
    /// When it is there but cannot be read.
    fn load(&self, name: &str, digest: &str) -> Result<Option<Vec<u8>>, Failure>;

    /// Keeps a finished stage. Either the whole document is there afterwards or nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    fn store(&self, name: &str, digest: &str, document: &[u8]) -> Result<(), Failure>;
}

/// A journal in a local folder; several processes may share it.
pub struct FolderJournal {
    folder: PathBuf,
}

impl FolderJournal {
    /// Opens the folder, making it where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn path(&self, name: &str, digest: &str) -> PathBuf {
        self.folder.join(document_name(name, digest))
    }
}

/// One name for a stage's name and a digest; the end tells that the document is sealed.
#[must_use]
pub fn document_name(name: &str, digest: &str) -> String {
    match name.split_once('.') {
        Some((stem, extension)) => format!("{stem}-{digest}.{extension}.sealed"),
        None => format!("{name}-{digest}.sealed"),
    }
}

impl Journal for FolderJournal {
    fn load(&self, name: &str, digest: &str) -> Result<Option<Vec<u8>>, Failure> {
        match fs::read(self.path(name, digest)) {
            Ok(sealed) => Ok(unseal(sealed)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn store(&self, name: &str, digest: &str, document: &[u8]) -> Result<(), Failure> {
        let path = self.path(name, digest);
        // A rename is atomic: a reader, or a kill, sees the whole document or none.
        let draft = path.with_extension(format!("{}.draft", std::process::id()));
        let written = (|| {
            let mut file = fs::File::create(&draft)?;
            file.write_all(&seal(document))?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        })();
        if written.is_err() {
            // The disk may be full: what is half written only makes that worse.
            let _ = fs::remove_file(&draft);
        }
        Ok(written?)
    }
}

/// Keeps nothing: for tests that want every stage to run.
pub struct NoJournal;

impl Journal for NoJournal {
    fn load(&self, _: &str, _: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(None)
    }
    fn store(&self, _: &str, _: &str, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}
