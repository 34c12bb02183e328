//! Encrypts the secrets of webhooks, so that the database and its backups do not contain them in clear.
//!
//! A sealed secret is `sealed1:` and the Base64 of a random nonce, the secret encrypted with ChaCha20-Poly1305, and the
//! tag. The tag also covers the tenant and the URL of the webhook: a secret that was copied to another webhook, or whose
//! webhook got another URL, cannot be opened.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;

use crate::artifact::key_file::{self, KEY_BYTES};
use crate::job::TenantId;

/// Start of a sealed secret.
const SEALED: &str = "sealed1:";

/// The key that seals and opens secrets.
pub struct SecretKey {
    key: LessSafeKey,
    id: String,
}

impl SecretKey {
    /// Creates a key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).expect("the key has the right size");
        let mut mac =
            Hmac::<Sha256>::new_from_slice(bytes).expect("HMAC accepts keys of any length");
        mac.update(b"optin webhook key id 1");
        let id = mac.finalize().into_bytes();
        Self {
            key: LessSafeKey::new(key),
            id: hex::encode(&id[..16]),
        }
    }

    /// Reads the key from a file, which is created with a random key if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read or created, if other users can read it, or if it contains no key.
    pub fn load_or_create(path: &Path) -> std::io::Result<Self> {
        key_file::load_or_create(path).map(|bytes| Self::from_bytes(&bytes))
    }

    /// Returns the id of the key. It does not reveal the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Encrypts the secret of a webhook of this tenant with this URL.
    #[must_use]
    pub fn seal(&self, tenant: &TenantId, url: &str, secret: &str) -> String {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut text = secret.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                bound_to(tenant, url),
                &mut text,
            )
            .expect("a secret is short");
        let sealed = [nonce.as_slice(), &text].concat();
        format!("{SEALED}{}", BASE64_STANDARD.encode(sealed))
    }

    /// Decrypts a sealed secret. Returns `None` if it was sealed with another key or for another webhook, or altered.
    #[must_use]
    pub fn open(&self, tenant: &TenantId, url: &str, sealed: &str) -> Option<String> {
        let sealed = BASE64_STANDARD.decode(sealed.strip_prefix(SEALED)?).ok()?;
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let opened = self.key.open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            bound_to(tenant, url),
            &mut text,
        );
        String::from_utf8(opened.ok()?.to_vec()).ok()
    }
}

/// Returns whether a stored secret is sealed. Earlier releases stored secrets in clear.
#[must_use]
pub fn is_sealed(stored: &str) -> bool {
    stored.starts_with(SEALED)
}

/// Returns what the tag of a sealed secret covers. The name of a tenant contains no zero byte.
fn bound_to(tenant: &TenantId, url: &str) -> Aad<Vec<u8>> {
    Aad::from([tenant.as_str().as_bytes(), b"\0", url.as_bytes()].concat())
}
