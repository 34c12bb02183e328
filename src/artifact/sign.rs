//! Signed URLs: whoever holds one may read one file for a while, without any other right.
//!
//! The signature is an HMAC-SHA256 over the key, the content's digest and the moment of expiry; it is
//! compared in constant time.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::key::Key;

/// Bytes of a signing key.
const KEY_BYTES: usize = 32;

/// Signs and checks.
#[derive(Clone)]
pub struct SigningKey([u8; KEY_BYTES]);

/// Why a signed URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It was never signed, or was changed.
    #[error("the URL's signature does not fit; ask the job's artifacts endpoint for a fresh URL")]
    Forged,
    /// It was signed, for an earlier time.
    #[error("the URL has expired; ask the job's artifacts endpoint for a fresh one")]
    Expired,
}

impl SigningKey {
    /// A key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads the key of a file, or makes a random one there that only this user can read.
    ///
    /// # Errors
    /// When the file cannot be read or made, or does not hold a key.
    pub fn load_or_create(path: &Path) -> std::io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => bytes.try_into().map(Self).map_err(|_| {
                let text = format!(
                    "{} is no signing key of {KEY_BYTES} bytes; remove it to have a new one made",
                    path.display()
                );
                std::io::Error::new(ErrorKind::InvalidData, text)
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(error),
        }
    }

    fn create(path: &Path) -> std::io::Result<Self> {
        // Two version 4 UUIDs: 244 bits of the system's randomness.
        let (first, second) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
        let mut bytes = [0; KEY_BYTES];
        bytes[..16].copy_from_slice(first.as_bytes());
        bytes[16..].copy_from_slice(second.as_bytes());
        let draft = path.with_extension("draft");
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        Ok(Self(bytes))
    }

    /// The signature of a file until a moment in Unix seconds, hex.
    #[must_use]
    pub fn sign(&self, key: &Key, sha256: &str, expires: i64) -> String {
        hex::encode(self.tag(key, sha256, expires))
    }

    /// Checks a signature at a moment in Unix seconds.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(
        &self,
        key: &Key,
        sha256: &str,
        expires: i64,
        signature: &str,
        now: i64,
    ) -> Result<(), Refused> {
        compare(&self.tag(key, sha256, expires), signature, expires, now)
    }

    /// The signature that lets its holder store one content at a key, hex.
    #[must_use]
    pub fn sign_upload(&self, key: &Key, sha256: &str, bytes: u64, expires: i64) -> String {
        hex::encode(self.upload_tag(key, sha256, bytes, expires))
    }

    /// Checks the signature of an upload at a moment in Unix seconds.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify_upload(
        &self,
        key: &Key,
        (sha256, bytes): (&str, u64),
        expires: i64,
        signature: &str,
        now: i64,
    ) -> Result<(), Refused> {
        compare(
            &self.upload_tag(key, sha256, bytes, expires),
            signature,
            expires,
            now,
        )
    }

    fn tag(&self, key: &Key, sha256: &str, expires: i64) -> Vec<u8> {
        self.over(&[
            "optin signed url 1",
            key.as_str(),
            sha256,
            &expires.to_string(),
        ])
    }

    // The words in front keep the two apart: a URL that reads can never store.
    fn upload_tag(&self, key: &Key, sha256: &str, bytes: u64, expires: i64) -> Vec<u8> {
        self.over(&[
            "optin signed upload 1",
            key.as_str(),
            sha256,
            &bytes.to_string(),
            &expires.to_string(),
        ])
    }

    fn over(&self, parts: &[&str]) -> Vec<u8> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        // Lengths stand before the texts, so that no two lists read alike.
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().to_vec()
    }
}

fn compare(tag: &[u8], signature: &str, expires: i64, now: i64) -> Result<(), Refused> {
    let given = hex::decode(signature).map_err(|_| Refused::Forged)?;
    // The signature first: nobody learns from a forged one whether its time would have been right.
    if !bool::from(tag.ct_eq(&given)) {
        return Err(Refused::Forged);
    }
    if now >= expires {
        return Err(Refused::Expired);
    }
    Ok(())
}
