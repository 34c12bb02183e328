//! Where jobs and files are kept.

use std::path::{Path, PathBuf};

use clap::Args;

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
    /// Job store, as sqlite:///absolute/path [default: DATA_DIR/jobs.sqlite]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Artifact store, as file:///absolute/path [default: DATA_DIR/artifacts]
    #[arg(long, env = "OPTIN_STORAGE_URL", value_name = "URL")]
    pub storage_url: Option<String>,
}

impl StorageFlags {
    /// The database's file.
    ///
    /// # Errors
    /// When the URL names a store that this release does not know.
    pub fn database(&self) -> Result<PathBuf, String> {
        let remedy = "write sqlite:///absolute/path (this release knows no other job store)";
        at_path(
            "--database-url",
            self.database_url.as_deref(),
            "sqlite://",
            remedy,
            || self.data_dir.join("jobs.sqlite"),
        )
    }

    /// The artifacts' folder.
    ///
    /// # Errors
    /// When the URL names a store that this release does not know.
    pub fn artifacts(&self) -> Result<PathBuf, String> {
        let remedy = "write file:///absolute/path (this release knows no other artifact store)";
        at_path(
            "--storage-url",
            self.storage_url.as_deref(),
            "file://",
            remedy,
            || self.data_dir.join("artifacts"),
        )
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
