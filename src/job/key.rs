//! API keys: `optk_<id>_<secret>`. The id finds the stored key, and the secret authenticates the caller.
//!
//! A secret has 244 random bits. So its plain SHA-256 is as hard to invert as a slow password hash, and checking it is
//! cheap. The secret is shown once, when the key is created.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{EnumMessage, IntoStaticStr, VariantArray};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::id::uuid_at;
use super::{TenantId, UnixMs};

/// Number of hexadecimal digits of a secret.
const SECRET_DIGITS: usize = 64;

/// Maximum length of the name of a key, in characters.
const MAX_NAME_CHARACTERS: usize = 100;

/// Prefix of every key, so that secret scanners find leaked keys.
const PREFIX: &str = "optk_";

/// Identifier of a key; ids sort by creation time. It is not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Uuid);

/// The text is not a valid key id, or not a valid key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid key id: it must have 32 hexadecimal digits; list the keys to see their ids")]
pub struct NotAKey;

impl KeyId {
    /// Returns the id as databases store it.
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
        // Accept only one spelling.
        (id.to_string() == text).then_some(id).ok_or(NotAKey)
    }
}

/// What an API key allows.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// Read the metrics of the service, and nothing else.
    Metrics,
    /// Read jobs, artifacts, uploads and webhooks.
    Read,
    /// Everything that `read` allows; also create, estimate, cancel, retry and delete jobs, and manage uploads and
    /// webhooks.
    Write,
    /// Everything that `write` allows; also manage the API keys of the tenant, and read its audit log and the metrics of
    /// the service.
    Admin,
}

impl KeyScope {
    /// Returns whether a key with this scope may call an operation that requires another.
    #[must_use]
    pub fn allows(self, required: Self) -> bool {
        match self {
            Self::Metrics => required == Self::Metrics,
            Self::Read => required == Self::Read,
            Self::Write => matches!(required, Self::Read | Self::Write),
            Self::Admin => true,
        }
    }

    /// Returns the scope as written in JSON and in the store.
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
            format!("unknown scope; must be one of {}", known.join(", "))
        })
    }
}

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Identifier.
    pub id: KeyId,
    /// Tenant that the key gives access to.
    pub tenant: TenantId,
    /// Name that the owner gave the key.
    pub name: String,
    /// Permissions of the key.
    pub scope: KeyScope,
    /// Creation time.
    pub created_at: UnixMs,
    /// Expiry time; the key is refused from then on.
    pub expires_at: Option<UnixMs>,
    /// Time of revocation; the key is refused since then.
    pub revoked_at: Option<UnixMs>,
    /// Time of the last use, with a precision of one minute.
    pub last_used_at: Option<UnixMs>,
}

/// A key to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Tenant that the key gives access to.
    pub tenant: TenantId,
    /// Name that the owner gives the key, 1 to 100 characters.
    pub name: String,
    /// Permissions of the key.
    pub scope: KeyScope,
    /// Lifetime from creation, in milliseconds; the key is refused afterwards.
    pub lifetime_ms: Option<i64>,
}

/// The text is not a valid name for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a key must have 1 to {MAX_NAME_CHARACTERS} characters and no control characters"
)]
pub struct NotAName;

/// Checks the name of a key.
///
/// # Errors
/// Returns [`NotAName`] if the text is not a valid name.
pub fn key_name(text: &str) -> Result<String, NotAName> {
    let printable = |character: char| character >= ' ' && character != '\x7f';
    let good =
        (1..=MAX_NAME_CHARACTERS).contains(&text.chars().count()) && text.chars().all(printable);
    good.then(|| text.to_owned()).ok_or(NotAName)
}

/// A new id and secret. Only [`reveal`](Self::reveal) returns the secret.
pub struct FreshKey {
    id: KeyId,
    secret: String,
}

impl FreshKey {
    /// Generates an id and a random secret. The id gets this database time.
    #[must_use]
    pub fn draw(now: UnixMs) -> Self {
        let half = || Uuid::new_v4().simple();
        Self {
            id: KeyId(uuid_at(now)),
            secret: format!("{}{}", half(), half()),
        }
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the SHA-256 of the secret, which is all that is stored of it.
    #[must_use]
    pub fn secret_sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.secret).into()
    }

    /// Returns the whole key with its secret; show it only to the owner.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret)
    }
}

/// A key from a request: well formed, but not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShownKey {
    /// Claimed id of the key.
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

/// A stored key, with the database time at which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key.
    pub key: ApiKey,
    /// SHA-256 of the secret.
    pub secret_sha256: [u8; 32],
    /// Database time at which the key was read.
    pub now: UnixMs,
}

impl ShownKey {
    /// Returns whether this is the stored key, and that key is neither revoked nor expired. For an unknown id the same
    /// comparison is made, so that the response time does not reveal which ids exist.
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
