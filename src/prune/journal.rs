//! Cache of completed stages, so that a killed job resumes after its last completed stage.
//!
//! Each stage stores one document. Its name holds the stage and a digest of everything that the stage
//! read: weights, data rows, settings, seed. Other inputs give another name, so a stale document is
//! never used by mistake. Documents are stored [sealed](seal): a document that was changed in storage
//! counts as missing.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::failure::{Code, Failure};

/// First bytes of a sealed document. The SHA-256 of the content follows, then the content.
const SEAL: &[u8] = b"optin journal 1\n";
const DIGEST_BYTES: usize = 32;

/// Prepends the digest of the content to a document.
#[must_use]
pub fn seal(document: &[u8]) -> Vec<u8> {
    let digest = Sha256::digest(document);
    [SEAL, digest.as_slice(), document].concat()
}

/// Returns the content of a sealed document, or `None` if the content does not match its digest.
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

/// Storage for the documents of completed stages.
pub trait Journal: Sync {
    /// Returns the document if this stage was completed before with the same inputs and the document is unchanged.
    ///
    /// # Errors
    /// Returns an error if the document exists but cannot be read.
    fn load(&self, name: &str, digest: &str) -> Result<Option<Vec<u8>>, Failure>;

    /// Stores the document of a completed stage, either completely or not at all.
    ///
    /// # Errors
    /// Returns an error if the document cannot be written.
    fn store(&self, name: &str, digest: &str, document: &[u8]) -> Result<(), Failure>;
}

/// Returns the result of a stage from the journal, or computes and stores it. A document that cannot be decoded is
/// computed again.
///
/// # Errors
/// Returns the failure of `make` or `encode`, or an error if the journal cannot be read or written.
pub fn remember<T>(
    journal: &dyn Journal,
    name: &str,
    digest: &str,
    decode: impl FnOnce(&[u8]) -> Option<T>,
    encode: impl FnOnce(&T) -> Result<Vec<u8>, Failure>,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    if let Some(known) = journal.load(name, digest)?.as_deref().and_then(decode) {
        return Ok(known);
    }
    let made = make()?;
    journal.store(name, digest, &encode(&made)?)?;
    Ok(made)
}

/// Does the same as [`remember`] for a document in JSON.
///
/// # Errors
/// Returns the failure of `make`, or an error if the document cannot be encoded or the journal cannot be read or written.
pub fn remember_json<T: Serialize + DeserializeOwned>(
    journal: &dyn Journal,
    name: &str,
    digest: &str,
    make: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let encode = |made: &T| {
        serde_json::to_vec(made).map_err(|error| {
            Failure::new(
                Code::Internal,
                format!("could not encode {name} as JSON: {error}"),
            )
        })
    };
    let decode = |bytes: &[u8]| serde_json::from_slice(bytes).ok();
    remember(journal, name, digest, decode, encode, make)
}

/// A journal in a local folder. Several processes may share the folder.
pub struct FolderJournal {
    folder: PathBuf,
}

impl FolderJournal {
    /// Opens the folder and creates it if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be created.
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

/// Returns the file name for a stage and a digest. The suffix `.sealed` marks the format.
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
        // A rename is atomic: readers see the whole document or none, even after a kill.
        let draft = path.with_extension(format!("{}.draft", std::process::id()));
        let written = (|| {
            let mut file = fs::File::create(&draft)?;
            file.write_all(&seal(document))?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        })();
        if written.is_err() {
            // If the disk is full, the partial file would only take more space.
            let _ = fs::remove_file(&draft);
        }
        Ok(written?)
    }
}

/// A journal that stores nothing, so that every stage runs.
pub struct NoJournal;

impl Journal for NoJournal {
    fn load(&self, _: &str, _: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(None)
    }
    fn store(&self, _: &str, _: &str, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}
