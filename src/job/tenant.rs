//! Tenants, which own jobs, and scopes, which limit what a caller may see.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Maximum length of the name of a tenant, in characters.
const MAX_CHARACTERS: usize = 40;

/// Name of a tenant. Tenants share a service, but never see each other's jobs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

/// The text is not a valid tenant name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid tenant name \"{0}\"; use 1 to {MAX_CHARACTERS} lower-case letters, digits and '-', beginning with a letter or digit"
)]
pub struct NotATenant(String);

impl TenantId {
    /// Returns the only tenant of a service that requires no API keys.
    #[must_use]
    pub fn only() -> Self {
        Self("default".to_owned())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for TenantId {
    type Err = NotATenant;

    fn from_str(text: &str) -> Result<Self, NotATenant> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        // The name is part of object keys, so it must not contain path separators or dots.
        let good = text.len() <= MAX_CHARACTERS
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|byte| plain(byte) || byte == b'-');
        match good {
            true => Ok(Self(text.to_owned())),
            false => Err(NotATenant(text.chars().take(64).collect())),
        }
    }
}

impl TryFrom<String> for TenantId {
    type Error = NotATenant;

    fn try_from(text: String) -> Result<Self, NotATenant> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(tenant: TenantId) -> Self {
        tenant.0
    }
}

/// The jobs that a call may access. A job of another tenant is reported as not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All jobs: for the service itself, such as workers and sweepers.
    Service,
    /// The jobs of one tenant: for clients.
    Tenant(TenantId),
}

impl Scope {
    /// Returns whether the scope includes the jobs of this tenant.
    #[must_use]
    pub fn holds(&self, tenant: &TenantId) -> bool {
        match self {
            Self::Service => true,
            Self::Tenant(own) => own == tenant,
        }
    }

    /// Returns the tenant that the scope is limited to.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Service => None,
            Self::Tenant(own) => Some(own.as_str()),
        }
    }
}
