//! Who a job belongs to, and what a caller may see.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name of a tenant.
const MOST_CHARACTERS: usize = 40;

/// One of the parties that share a service and never see each other's jobs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

/// The text is no tenant's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no tenant's name; use 1 to {MOST_CHARACTERS} lower-case letters, digits and '-', beginning with a letter or digit"
)]
pub struct NotATenant(String);

impl TenantId {
    /// The only tenant of a service that asks nobody for a key.
    #[must_use]
    pub fn only() -> Self {
        Self("default".to_owned())
    }

    /// The name.
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
        // Part of object keys: nothing in it may lead elsewhere.
        let good = text.len() <= MOST_CHARACTERS
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

/// Whose jobs a call may touch: another tenant's job is answered like one that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The service itself: workers and sweepers.
    Service,
    /// A caller.
    Tenant(TenantId),
}

impl Scope {
    /// Whether this tenant's jobs are within it.
    #[must_use]
    pub fn holds(&self, tenant: &TenantId) -> bool {
        match self {
            Self::Service => true,
            Self::Tenant(own) => own == tenant,
        }
    }

    /// The one tenant that it is limited to.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Service => None,
            Self::Tenant(own) => Some(own.as_str()),
        }
    }
}
