//! Storage: the job database and the artifact store.

use std::path::{Path, PathBuf};

use clap::Args;

use super::s3::S3Flags;
use crate::artifact::error::ArtifactError;
use crate::artifact::private;
use crate::artifact::s3::S3Options;
use crate::artifact::store::ArtifactStore;

/// Flags for the data folder and the job database. In `optin keys`, they may follow the subcommand.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage options")]
pub struct DatabaseFlags {
    /// Data folder of the service: database, artifacts, caches, scratch files and keys
    ///
    /// Only the user of the service can access it: it is created with mode 0700, and gets this mode
    /// if it exists. A folder that other users can access and that has other files is refused.
    #[arg(
        long,
        verbatim_doc_comment,
        global = true,
        env = "OPTIN_DATA_DIR",
        value_name = "DIR",
        default_value = "optin-data"
    )]
    pub data_dir: PathBuf,
    /// Job database: sqlite:///absolute/path or postgres://user:password@host/database [default: DATA_DIR/jobs.sqlite]
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,
    /// Maximum number of connections from this process to PostgreSQL (2 to 1000)
    #[arg(long, global = true, env = "OPTIN_DATABASE_CONNECTIONS", value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    pub database_connections: u32,
}

/// Flags for the job database and the artifact store.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage options")]
pub struct StorageFlags {
    /// The data folder and the job database.
    #[command(flatten)]
    pub database: DatabaseFlags,
    /// Artifact store: file:///absolute/path or s3://bucket/prefix [default: DATA_DIR/artifacts]
    #[arg(long, env = "OPTIN_STORAGE_URL", value_name = "URL")]
    pub storage_url: Option<String>,
    /// Access to S3 buckets.
    #[command(flatten)]
    pub s3: S3Flags,
}

/// Files and folders in the data folder.
const DATA: [&str; 6] = [
    "artifacts",
    "cache",
    "jobs.sqlite",
    "secrets.key",
    "signing.key",
    "work",
];

/// Location of the job database.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabasePlace {
    /// A SQLite file, for one process.
    File(PathBuf),
    /// A PostgreSQL server, for any number of processes.
    Server {
        /// URL of the database, which may contain a password.
        url: String,
        /// Maximum number of connections of this process.
        connections: u32,
    },
}

/// Location of the artifact store.
#[derive(Clone, Debug)]
pub enum ArtifactPlace {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A bucket of an S3 service.
    Bucket(S3Options),
}

impl ArtifactPlace {
    /// Opens the store.
    ///
    /// # Errors
    /// Returns [`ArtifactError`] if the folder cannot be created or the bucket's options are invalid.
    pub fn open(self) -> Result<ArtifactStore, ArtifactError> {
        match self {
            Self::Folder(folder) => ArtifactStore::local(&folder),
            Self::Bucket(options) => ArtifactStore::s3(options),
        }
    }
}

impl DatabaseFlags {
    /// Returns the location of the job database.
    ///
    /// # Errors
    /// Returns a message with the remedy if the URL is neither a `sqlite://` URL with an absolute path nor a
    /// PostgreSQL URL.
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
}

impl StorageFlags {
    /// Returns the data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.database.data_dir
    }

    /// Returns the location of the artifact store.
    ///
    /// # Errors
    /// Returns a message with the remedy if the URL is neither a `file://` URL with an absolute path nor an
    /// `s3://` URL, or if the flags for the bucket are invalid or incomplete.
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
            || self.data_dir().join("artifacts"),
        )
        .map(ArtifactPlace::Folder)
    }

    /// Returns the path of the key that signs download URLs.
    #[must_use]
    pub fn signing_key(&self) -> PathBuf {
        self.data_dir().join("signing.key")
    }

    /// Creates the data folder. Only the user of this process can access it.
    ///
    /// # Errors
    /// Returns an error that names the folder and the remedy if it cannot be created or made private.
    pub fn create_data_dir(&self) -> std::io::Result<()> {
        private::folder(self.data_dir(), &DATA)
    }

    /// Returns the folder for the workers' scratch files.
    #[must_use]
    pub fn work_dir(&self) -> PathBuf {
        self.data_dir().join("work")
    }
}

/// Returns the absolute path in a URL with this scheme, or the default if there is no URL.
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
        // Print only the scheme: a database URL may contain a password.
        None => Err(match url.split_once("://") {
            Some((scheme, _)) => format!("invalid {flag} (scheme \"{scheme}\"); {remedy}"),
            None => format!("invalid {flag} (no scheme); {remedy}"),
        }),
    }
}
