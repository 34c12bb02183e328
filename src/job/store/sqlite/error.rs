//! Errors of opening a SQLite file.

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process uses the file.
    #[error(
        "the database {path} is in use by another process; stop that one first, or use PostgreSQL for several \
         processes (--database-url postgres://user:password@host/database)"
    )]
    InUse {
        /// Path of the file.
        path: String,
    },
    /// The file is on a network file system.
    #[error(
        "the database {path} is on a network file system, where the locks of SQLite are not reliable; use a local disk"
    )]
    NetworkFileSystem {
        /// Path of the file.
        path: String,
    },
    /// The folder or the lock file cannot be used.
    #[error("could not open the database {path}: {source}")]
    Folder {
        /// Path of the file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// SQLite cannot open the file.
    #[error("could not open the database {path}: {source}")]
    Database {
        /// Path of the file.
        path: String,
        /// The cause.
        source: sqlx::Error,
    },
    /// The schema is not that of this release, and cannot be migrated to it.
    #[error("the schema of the database {path} {why}")]
    Schema {
        /// Path of the file.
        path: String,
        /// The problem and the remedy.
        why: String,
    },
}
