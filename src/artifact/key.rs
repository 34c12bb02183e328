//! Keys of the object store: files of jobs, journals (stage caches) of tenants, and uploads of tenants with their parts.
//! Only this file constructs keys.

use std::fmt;

use crate::file_name::{FileName, is_part};

/// The first parts of all keys: the folders of a local store.
pub(super) const FOLDERS: [&str; 4] = ["jobs", "journal", "probe", "uploads"];

/// The key of one object, or the prefix of the keys of several objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

/// Error for a text that is not a key or not allowed in one, because it could lead to another location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not valid in an object key; use at most 128 letters, digits, '.', '_' and '-' for each part, and begin with a letter or a digit"
)]
pub struct InvalidKey(String);

impl Key {
    /// Returns the key of the file that an attempt of a job stores under a name.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if the job is not allowed in a key.
    pub fn attempt_file(job: &str, attempt: i64, name: &FileName) -> Result<Self, InvalidKey> {
        Ok(Self(format!("jobs/{}/{attempt}/{name}", checked(job)?)))
    }

    /// Returns the prefix of all files of an attempt.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if a part is not allowed in a key.
    pub fn attempt(job: &str, attempt: i64) -> Result<Self, InvalidKey> {
        Ok(Self(format!("jobs/{}/{attempt}", checked(job)?)))
    }

    /// Returns the prefix of all files of all attempts of a job.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if a part is not allowed in a key.
    pub fn job(job: &str) -> Result<Self, InvalidKey> {
        Ok(Self(format!("jobs/{}", checked(job)?)))
    }

    /// Returns the key of a document in a tenant's journal, the stage cache that the tenant's jobs share. A
    /// document is named by the digest of all of its inputs.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if a part is not allowed in a key.
    pub fn journal(tenant: &str, document: &str) -> Result<Self, InvalidKey> {
        Ok(Self(format!(
            "journal/{}/{}",
            checked(tenant)?,
            checked(document)?
        )))
    }

    /// Returns the prefix of all documents of all journals.
    #[must_use]
    pub fn journals() -> Self {
        Self("journal".to_owned())
    }

    /// Returns the key of a tenant's upload.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if a part is not allowed in a key.
    pub fn upload(tenant: &str, id: &str) -> Result<Self, InvalidKey> {
        Ok(Self(format!(
            "uploads/{}/{}",
            checked(tenant)?,
            checked(id)?
        )))
    }

    /// Returns the prefix of all uploads of a tenant.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if a part is not allowed in a key.
    pub fn uploads_of(tenant: &str) -> Result<Self, InvalidKey> {
        Ok(Self(format!("uploads/{}", checked(tenant)?)))
    }

    /// Returns the prefix of all uploads of all tenants.
    #[must_use]
    pub fn uploads() -> Self {
        Self("uploads".to_owned())
    }

    /// Returns the key of a part of a tenant's upload.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if a part of the key is not allowed in one.
    pub fn upload_part(tenant: &str, id: &str, number: &str) -> Result<Self, InvalidKey> {
        let prefix = Self::parts_of(tenant, id)?;
        Ok(Self(format!("{prefix}/{}", checked(number)?)))
    }

    /// Returns the prefix of all parts of a tenant's upload.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if a part of the key is not allowed in one.
    pub fn parts_of(tenant: &str, id: &str) -> Result<Self, InvalidKey> {
        let (tenant, id) = (checked(tenant)?, checked(id)?);
        Ok(Self(format!("upload-parts/{tenant}/{id}")))
    }

    /// Returns the prefix of all parts of all uploads. It is not that of the uploads, so that a list of uploads does not
    /// list their parts.
    #[must_use]
    pub fn parts() -> Self {
        Self("upload-parts".to_owned())
    }

    /// Returns the key of the object that the readiness probe writes.
    #[must_use]
    pub fn probe() -> Self {
        Self("probe/readiness".to_owned())
    }

    /// Parses a key from a manifest or a URL.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if the text is not the key of an object in one of the formats of this file.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        // The name of an attempt's file may contain `/`.
        let parts: Vec<&str> = text.splitn(4, '/').collect();
        match parts.as_slice() {
            ["jobs", job, attempt, name] => {
                let name = name.parse().map_err(|_| invalid(name))?;
                Self::named(job, attempt, &name)
            }
            ["uploads", tenant, id] => Self::upload(tenant, id),
            ["upload-parts", tenant, id, number] => Self::upload_part(tenant, id, number),
            ["journal", tenant, document] => Self::journal(tenant, document),
            ["probe", "readiness"] => Ok(Self::probe()),
            _ => Err(invalid(text)),
        }
    }

    /// Returns the key of an attempt's file. Job and attempt are given as text.
    ///
    /// # Errors
    /// Returns [`InvalidKey`] if a part is not allowed in a key, or if `attempt` is not written exactly as
    /// [`attempt_file`](Self::attempt_file) writes it.
    pub fn named(job: &str, attempt: &str, name: &FileName) -> Result<Self, InvalidKey> {
        match attempt.parse::<i64>() {
            Ok(number) if number.to_string() == attempt => Self::attempt_file(job, number, name),
            _ => Err(invalid(attempt)),
        }
    }

    /// Returns the key as text.
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

fn checked(part: &str) -> Result<&str, InvalidKey> {
    is_part(part).then_some(part).ok_or_else(|| invalid(part))
}

fn invalid(text: &str) -> InvalidKey {
    InvalidKey(text.chars().take(64).collect())
}
