//! API keys: `optk_<id>_<secret>`. The id finds the key, the secret proves that the caller holds it.
//!
//! A secret is 244 random bits, so its plain SHA-256 is as hard to turn round as a slow hash of a password
//! would be, and checking it costs nothing. It is told once, when the key is made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{IntoStaticStr, VariantArray};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::id::uuid_at;
use super::{TenantId, UnixMs};

/// Hex digits of a secret.
const SECRET_DIGITS: usize = 64;

/// Longest name of a key.
const MOST_NAME_CHARACTERS: usize = 100;

/// What every key begins with, so that scanners find keys that leaked.
const PREFIX: &str = "optk_";

/// Names a key; sorts by the time at which it was made. No secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Uuid);

/// The text is no key's id, or no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key's id has 32 hexadecimal digits; list the keys to see theirs")]
pub struct NotAKey;

impl KeyId {
    /// The id as a database keeps it.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for KeyId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.simple())
    }
}

impl FromStr for KeyId {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let id = Uuid::try_parse(text).map(Self).map_err(|_| NotAKey)?;
        // One spelling only.
        (id.to_string() == text).then_some(id).ok_or(NotAKey)
    }
}

/// What an API key allows.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// Read the metrics of the service, and nothing else.
    Metrics,
    /// Read the tenant's jobs and files.
    Read,
    /// Everything that `Read` allows; also create, cancel, retry and delete jobs.
    Write,
    /// Everything; also manage the tenant's API keys, and read the audit log and the metrics.
    Admin,
}

impl KeyScope {
    /// Whether a key with this scope may call an operation that requires another.
    #[must_use]
    pub fn allows(self, required: Self) -> bool {
        match self {
            Self::Metrics => required == Self::Metrics,
            Self::Read => required == Self::Read,
            Self::Write => matches!(required, Self::Read | Self::Write),
            Self::Admin => true,
        }
    }

    /// The scope as it is written in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl FromStr for KeyScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::VARIANTS.iter().find(|scope| scope.as_str() == text);
        found.copied().ok_or_else(|| {
            let known: Vec<_> = Self::VARIANTS.iter().map(|scope| scope.as_str()).collect();
            format!("a scope is one of {}", known.join(", "))
        })
    }
}

/// A key as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name in the service.
    pub id: KeyId,
    /// Whose jobs it opens.
    pub tenant: TenantId,
    /// What its owner calls it.
    pub name: String,
    /// What it allows.
    pub scope: KeyScope,
    /// When it was made.
    pub created_at: UnixMs,
    /// From then on it is refused.
    pub expires_at: Option<UnixMs>,
    /// Since then it is refused.
    pub revoked_at: Option<UnixMs>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<UnixMs>,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Whose jobs it opens.
    pub tenant: TenantId,
    /// What its owner calls it, 1 to 100 characters.
    pub name: String,
    /// What it allows.
    pub scope: KeyScope,
    /// It is refused so many milliseconds after it was made.
    pub lifetime_ms: Option<i64>,
}

/// The text is no name for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key's name has 1 to {MOST_NAME_CHARACTERS} characters, and no control characters")]
pub struct NotAName;

/// A name that a key may have.
///
/// # Errors
/// When the text is none.
pub fn key_name(text: &str) -> Result<String, NotAName> {
    let plain = |sign: char| sign >= ' ' && sign != '\x7f';
    let good =
        (1..=MOST_NAME_CHARACTERS).contains(&text.chars().count()) && text.chars().all(plain);
    good.then(|| text.to_owned()).ok_or(NotAName)
}

/// A fresh id and secret. Shows only the id, except to [`reveal`](Self::reveal).
pub struct FreshKey {
    id: KeyId,
    secret: String,
}

impl FreshKey {
    /// Draws one, at this moment of the database's clock.
    #[must_use]
    pub fn draw(now: UnixMs) -> Self {
        let half = || Uuid::new_v4().simple();
        Self {
            id: KeyId(uuid_at(now)),
            secret: format!("{}{}", half(), half()),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// What is stored of its secret.
    #[must_use]
    pub fn secret_sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.secret).into()
    }

    /// The whole key, for its owner's eyes.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret)
    }
}

/// A key as a caller shows it: well formed, and not yet believed.
#[derive(Clone, Copy, Debug)]
pub struct ShownKey {
    /// Which key it says it is.
    pub id: KeyId,
    secret_sha256: [u8; 32],
}

impl FromStr for ShownKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let (id, secret) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .filter(|(_, secret)| secret.len() == SECRET_DIGITS)
            .ok_or(NotAKey)?;
        Ok(Self {
            id: id.parse()?,
            secret_sha256: Sha256::digest(secret).into(),
        })
    }
}

/// A key as the store holds it, with the store's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key.
    pub key: ApiKey,
    /// SHA-256 of its secret.
    pub secret_sha256: [u8; 32],
    /// The database's clock when it was read.
    pub now: UnixMs,
}

impl ShownKey {
    /// Whether it is the stored key, and that one is in force. An id that is not stored takes the same steps.
    #[must_use]
    pub fn is(&self, stored: Option<&StoredKey>) -> bool {
        let expected = stored.map_or([0; 32], |stored| stored.secret_sha256);
        let same = bool::from(self.secret_sha256.ct_eq(&expected));
        stored.is_some_and(|stored| same && stored.in_force())
    }
}

impl StoredKey {
    fn in_force(&self) -> bool {
        self.key.revoked_at.is_none() && self.key.expires_at.is_none_or(|moment| moment > self.now)
    }
}
