//! Why a PostgreSQL database cannot be opened.

/// Why a database cannot be opened. No URL: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is none.
    #[error(
        "--database-url is no URL of a PostgreSQL database; write postgres://user:password@host:5432/database"
    )]
    Url,
    /// The server does not answer, or refuses.
    #[error("the database {database} on {host} cannot be opened: {why}")]
    Connect {
        /// The database's name.
        database: String,
        /// The server.
        host: String,
        /// Why, in plain words.
        why: String,
    },
    /// A pooler gives each transaction another session.
    #[error(
        "the database {database} on {host} is reached through a pooler in transaction mode, which optin cannot use; let the \
         pooler use session mode (pool_mode = session), or connect to PostgreSQL itself"
    )]
    Shared {
        /// The database's name.
        database: String,
        /// The pooler.
        host: String,
    },
    /// Its schema is none of this release, and cannot be made one.
    #[error("the schema of the database {database} on {host} {why}")]
    Schema {
        /// The database's name.
        database: String,
        /// The server.
        host: String,
        /// Why, and what to do.
        why: String,
    },
}
