//! Why a SQLite file cannot be opened.

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the database {path} is in use by another process; stop that one first (several processes need a database server: --database-url postgres://..)"
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
    /// Its schema is none of this release, and cannot be made one.
    #[error("the schema of the database {path} {why}")]
    Schema {
        /// The file.
        path: String,
        /// Why, and what to do.
        why: String,
    },
}
