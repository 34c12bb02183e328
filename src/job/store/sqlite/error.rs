//! What SQLite says, in the store's words.

use super::StoreError;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the database {path} is in use by another process; stop that one first (several processes need a database server, which this release does not support yet)"
    )]
    InUse {
        /// The file.
        path: String,
    },
    /// Locks do not hold there.
    #[error(
        "the database {path} lies on a network file system, where SQLite's locks do not hold; use a local disk"
    )]
    NetworkFileSystem {
        /// The file.
        path: String,
    },
    /// Its folder cannot be used.
    #[error("the database {path} cannot be opened: {source}")]
    Folder {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite refuses.
    #[error("the database {path} cannot be opened: {source}")]
    Database {
        /// The file.
        path: String,
        /// Why.
        source: sqlx::Error,
    },
}

/// SQLite's primary result code for a full disk.
const SQLITE_FULL: &str = "13";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let full = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code == SQLITE_FULL);
        if full {
            Self::Full
        } else {
            Self::Database(Box::new(error))
        }
    }
}
