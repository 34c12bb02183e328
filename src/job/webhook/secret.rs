//! Encrypts the secrets of webhooks, so that the database and its backups do not contain them in clear.
//!
//! A sealed secret is `sealed1:` and the Base64 of what [`Sealing`] returns. Its tag also covers the tenant and the URL of the webhook: a secret that was copied to another webhook, or whose
//! webhook got another URL, cannot be opened.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::artifact::key_file::{self, KEY_BYTES};
use crate::job::TenantId;
use crate::sealing::{Sealing, derived};

/// Start of a sealed secret.
const SEALED: &str = "sealed1:";

/// The key that seals and opens secrets.
pub struct SecretKey {
    key: Sealing,
    id: String,
}

impl SecretKey {
    /// Creates a key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        let id = derived(bytes, b"optin webhook key id 1");
        Self {
            key: Sealing::new(bytes),
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
        let sealed = self.key.seal(&bound_to(tenant, url), secret.as_bytes());
        format!("{SEALED}{}", BASE64_STANDARD.encode(sealed))
    }

    /// Decrypts a sealed secret. Returns `None` if it was sealed with another key or for another webhook, or altered.
    #[must_use]
    pub fn open(&self, tenant: &TenantId, url: &str, sealed: &str) -> Option<String> {
        let sealed = BASE64_STANDARD.decode(sealed.strip_prefix(SEALED)?).ok()?;
        let secret = self.key.open(&bound_to(tenant, url), &sealed)?;
        String::from_utf8(secret).ok()
    }
}

/// Returns whether a stored secret is sealed. Earlier releases stored secrets in clear.
#[must_use]
pub fn is_sealed(stored: &str) -> bool {
    stored.starts_with(SEALED)
}

/// Returns what the tag of a sealed secret covers. The name of a tenant contains no zero byte.
fn bound_to(tenant: &TenantId, url: &str) -> Vec<u8> {
    [tenant.as_str().as_bytes(), b"\0", url.as_bytes()].concat()
}
