//! Where jobs and files are kept.

use std::path::{Path, PathBuf};

use clap::Args;

use super::s3::S3Flags;
use crate::artifact::error::ArtifactError;
use crate::artifact::s3::S3Options;
use crate::artifact::store::ArtifactStore;

/// Flags of the stores.
#[derive(Args, Clone, Debug)]
pub struct StorageFlags {
    /// Folder for the database, the artifacts, the journal and the signing key
    #[arg(
        long,
        env = "OPTIN_DATA_DIR",
        value_name = "DIR",
        default_value = "optin-data"
    )]
    pub data_dir: PathBuf,
    /// Job store, as sqlite:///absolute/path or postgres://user:password@host/database [default: DATA_DIR/jobs.sqlite]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Most connections of this process to a database server
    #[arg(long, env = "OPTIN_DATABASE_CONNECTIONS", value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    pub database_connections: u32,
    /// Artifact store, as file:///absolute/path or s3://bucket/prefix [default: DATA_DIR/artifacts]
    #[arg(long, env = "OPTIN_STORAGE_URL", value_name = "URL")]
    pub storage_url: Option<String>,
    /// How a bucket is reached.
    #[command(flatten)]
    pub s3: S3Flags,
}

/// Where jobs are.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabasePlace {
    /// In a file, for one process.
    File(PathBuf),
    /// On a PostgreSQL server, for any number.
    Server {
        /// Its URL, which may hold a password.
        url: String,
        /// Most connections of this process.
        connections: u32,
    },
}

/// Where artifacts are.
#[derive(Clone, Debug)]
pub enum ArtifactPlace {
    /// On this machine.
    Folder(PathBuf),
    /// In an S3 service.
    Bucket(S3Options),
}

impl ArtifactPlace {
    /// Opens the store.
    ///
    /// # Errors
    /// When the folder cannot be made or the bucket's options are wrong.
    pub fn open(self) -> Result<ArtifactStore, ArtifactError> {
        match self {
            Self::Folder(folder) => ArtifactStore::local(&folder),
            Self::Bucket(options) => ArtifactStore::s3(options),
        }
    }
}

impl StorageFlags {
    /// Where jobs are.
    ///
    /// # Errors
    /// When the URL names a store that this release does not know.
    pub fn database(&self) -> Result<DatabasePlace, String> {
        if let Some(url) = self
            .database_url
            .as_deref()
            .filter(|url| url.starts_with("postgres://") || url.starts_with("postgresql://"))
        {
            return Ok(DatabasePlace::Server {
                url: url.to_owned(),
                connections: self.database_connections,
            });
        }
        let remedy = "write sqlite:///absolute/path or postgres://user:password@host/database";
        at_path(
            "--database-url",
            self.database_url.as_deref(),
            "sqlite://",
            remedy,
            || self.data_dir.join("jobs.sqlite"),
        )
        .map(DatabasePlace::File)
    }

    /// Where the artifacts are.
    ///
    /// # Errors
    /// When the URL names a store that this release does not know, or the flags of a bucket are not complete.
    pub fn artifacts(&self) -> Result<ArtifactPlace, String> {
        if let Some(rest) = self
            .storage_url
            .as_deref()
            .and_then(|url| url.strip_prefix("s3://"))
        {
            return Ok(ArtifactPlace::Bucket(self.s3.bucket(rest)?));
        }
        let remedy = "write file:///absolute/path or s3://bucket/prefix";
        at_path(
            "--storage-url",
            self.storage_url.as_deref(),
            "file://",
            remedy,
            || self.data_dir.join("artifacts"),
        )
        .map(ArtifactPlace::Folder)
    }

    /// The key that signs download URLs.
    #[must_use]
    pub fn signing_key(&self) -> PathBuf {
        self.data_dir.join("signing.key")
    }

    /// Scratch space of the workers.
    #[must_use]
    pub fn work_dir(&self) -> PathBuf {
        self.data_dir.join("work")
    }
}

fn at_path(
    flag: &str,
    url: Option<&str>,
    scheme: &str,
    remedy: &str,
    default: impl FnOnce() -> PathBuf,
) -> Result<PathBuf, String> {
    let Some(url) = url else { return Ok(default()) };
    match url
        .strip_prefix(scheme)
        .map(Path::new)
        .filter(|path| path.is_absolute())
    {
        Some(path) => Ok(path.to_owned()),
        // A database URL may hold a password: only its scheme is told.
        None => Err(format!(
            "{flag} is {}..; {remedy}",
            url.split_once("://")
                .map_or("of no scheme", |(scheme, _)| scheme)
        )),
    }
}
