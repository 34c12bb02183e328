//! Signs and verifies the URLs of a local store. Until it expires, a signed URL lets its holder read one file, or
//! store one content. It grants no other right.
//!
//! The signature is an HMAC-SHA256 over the key, the content's digest and the time of expiry. The signature of an
//! upload also covers the content's size. Signatures are compared in constant time.

use std::path::Path;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::key::Key;
use super::key_file::{self, KEY_BYTES};

/// A key that signs URLs and verifies their signatures.
#[derive(Clone)]
pub struct SigningKey([u8; KEY_BYTES]);

/// The signing key and base URL of a local store's URLs.
#[derive(Clone)]
pub(super) struct LocalUrls {
    pub(super) signing: Arc<SigningKey>,
    /// URL at which clients reach this service, without a trailing slash.
    pub(super) base: Arc<str>,
}

/// Reason to refuse a signed URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The URL was not signed with this key, or was changed.
    #[error(
        "the URL's signature is invalid; request a new URL, for example from the job's artifacts endpoint"
    )]
    Forged,
    /// The signature is valid, but the URL has expired.
    #[error(
        "the URL has expired; request a new one, for example from the job's artifacts endpoint"
    )]
    Expired,
}

impl SigningKey {
    /// Creates a key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads the key from a file, which is created with a random key if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or created, if other users can read it, or if it contains no key.
    pub fn load_or_create(path: &Path) -> std::io::Result<Self> {
        key_file::load_or_create(path).map(Self)
    }

    /// Signs the URL of a file that expires at `expires`, in Unix seconds. Returns the signature in hex.
    #[must_use]
    pub fn sign(&self, key: &Key, sha256: &str, expires: i64) -> String {
        hex::encode(self.tag(key, sha256, expires))
    }

    /// Verifies the signature of a file's URL at the time `now`, in Unix seconds.
    ///
    /// # Errors
    /// Returns [`Refused`] if the signature is invalid or the URL has expired.
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

    /// Signs a URL that lets its holder store one content at a key. Returns the signature in hex.
    #[must_use]
    pub fn sign_upload(&self, key: &Key, sha256: &str, bytes: u64, expires: i64) -> String {
        hex::encode(self.upload_tag(key, sha256, bytes, expires))
    }

    /// Verifies the signature of an upload's URL at the time `now`, in Unix seconds.
    ///
    /// # Errors
    /// Returns [`Refused`] if the signature is invalid or the URL has expired.
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
        self.mac(&[
            "optin signed url 1",
            key.as_str(),
            sha256,
            &expires.to_string(),
        ])
    }

    // The different first parts separate the two kinds of signature: a URL to read a file can never store one.
    fn upload_tag(&self, key: &Key, sha256: &str, bytes: u64, expires: i64) -> Vec<u8> {
        self.mac(&[
            "optin signed upload 1",
            key.as_str(),
            sha256,
            &bytes.to_string(),
            &expires.to_string(),
        ])
    }

    fn mac(&self, parts: &[&str]) -> Vec<u8> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC accepts keys of any length");
        // Each part follows its length, so that two different lists never have the same bytes.
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().to_vec()
    }
}

fn compare(tag: &[u8], signature: &str, expires: i64, now: i64) -> Result<(), Refused> {
    let given = hex::decode(signature).map_err(|_| Refused::Forged)?;
    // The signature is checked first, so that a forged URL does not reveal whether it would have expired.
    if !bool::from(tag.ct_eq(&given)) {
        return Err(Refused::Forged);
    }
    if now >= expires {
        return Err(Refused::Expired);
    }
    Ok(())
}
