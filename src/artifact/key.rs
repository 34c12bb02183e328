//! Where in the object store files lie: a job's, a tenant's journal, and what tenants send in. No other
//! file makes a key.

use std::fmt;

/// The place of one object, or the prefix of several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

/// A part of a key that could lead elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" cannot be part of a key: use letters, digits, '.', '_' and '-', and begin with none of the signs"
)]
pub struct BadPart(String);

impl Key {
    /// The file that this attempt at a job stores under this name.
    ///
    /// # Errors
    /// When a part could lead elsewhere.
    pub fn attempt_file(job: &str, attempt: i64, name: &str) -> Result<Self, BadPart> {
        Ok(Self(format!(
            "jobs/{}/{attempt}/{}",
            checked(job)?,
            checked(name)?
        )))
    }

    /// Everything that this attempt stores.
    ///
    /// # Errors
    /// When a part could lead elsewhere.
    pub fn attempt(job: &str, attempt: i64) -> Result<Self, BadPart> {
        Ok(Self(format!("jobs/{}/{attempt}", checked(job)?)))
    }

    /// Everything that any attempt at a job stores.
    ///
    /// # Errors
    /// When a part could lead elsewhere.
    pub fn job(job: &str) -> Result<Self, BadPart> {
        Ok(Self(format!("jobs/{}", checked(job)?)))
    }

    /// A document of the shared journal: what this tenant's jobs leave for each other, named by the digest of
    /// all that it was made from.
    ///
    /// # Errors
    /// When a part could lead elsewhere.
    pub fn journal(tenant: &str, document: &str) -> Result<Self, BadPart> {
        Ok(Self(format!(
            "journal/{}/{}",
            checked(tenant)?,
            checked(document)?
        )))
    }

    /// All documents of all journals.
    #[must_use]
    pub fn journals() -> Self {
        Self("journal".to_owned())
    }

    /// What a tenant sends in under this id.
    ///
    /// # Errors
    /// When a part could lead elsewhere.
    pub fn upload(tenant: &str, id: &str) -> Result<Self, BadPart> {
        Ok(Self(format!(
            "uploads/{}/{}",
            checked(tenant)?,
            checked(id)?
        )))
    }

    /// Everything that a tenant sent in.
    ///
    /// # Errors
    /// When a part could lead elsewhere.
    pub fn uploads_of(tenant: &str) -> Result<Self, BadPart> {
        Ok(Self(format!("uploads/{}", checked(tenant)?)))
    }

    /// Everything that anyone sent in.
    #[must_use]
    pub fn uploads() -> Self {
        Self("uploads".to_owned())
    }

    /// Where a readiness probe may write.
    #[must_use]
    pub fn probe() -> Self {
        Self("probe/readiness".to_owned())
    }

    /// A key as it stands in a manifest or in a URL.
    ///
    /// # Errors
    /// When it is none that this file makes.
    pub fn parse(text: &str) -> Result<Self, BadPart> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["jobs", job, attempt, name] => Self::named(job, attempt, name),
            ["uploads", tenant, id] => Self::upload(tenant, id),
            ["journal", tenant, document] => Self::journal(tenant, document),
            ["probe", "readiness"] => Ok(Self::probe()),
            _ => Err(BadPart(text.chars().take(64).collect())),
        }
    }

    /// A file's key from its parts as text.
    ///
    /// # Errors
    /// When a part is none that this file writes.
    pub fn named(job: &str, attempt: &str, name: &str) -> Result<Self, BadPart> {
        match attempt.parse::<i64>() {
            Ok(number) if number.to_string() == attempt => Self::attempt_file(job, number, name),
            _ => Err(BadPart(attempt.chars().take(64).collect())),
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn checked(part: &str) -> Result<&str, BadPart> {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '_' | '-');
    let good = part.len() <= 128
        && part.starts_with(|sign: char| sign.is_ascii_alphanumeric())
        && part.chars().all(plain);
    good.then_some(part)
        .ok_or_else(|| BadPart(part.chars().take(64).collect()))
}
