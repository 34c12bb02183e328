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
    #[error("the database {database} on {host} cannot be opened: {source}")]
    Connect {
        /// The database's name.
        database: String,
        /// The server.
        host: String,
        /// Why.
        source: sqlx::Error,
    },
    /// Its schema cannot be brought up to date.
    #[error(
        "the schema of the database {database} on {host} cannot be brought up to date: {source}"
    )]
    Migrate {
        /// The database's name.
        database: String,
        /// The server.
        host: String,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
}
