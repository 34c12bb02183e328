//! Errors of opening a PostgreSQL database.

/// Why a database cannot be opened. The messages never contain the URL, because it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is invalid.
    #[error(
        "invalid --database-url; it must be like postgres://user:password@host:5432/database for a PostgreSQL database"
    )]
    Url,
    /// The server does not respond, or refuses the connection.
    #[error("could not open the database {database} on {host}: {why}")]
    Connect {
        /// Name of the database.
        database: String,
        /// Host of the server.
        host: String,
        /// The reason.
        why: String,
    },
    /// A connection pooler assigns each transaction to another session.
    #[error(
        "{host} is a connection pooler in transaction mode (database {database}), which optin does not support; set the \
         pooler to session mode (pool_mode = session), or connect to PostgreSQL directly"
    )]
    Shared {
        /// Name of the database.
        database: String,
        /// Host of the pooler.
        host: String,
    },
    /// The schema is not that of this release, and cannot be migrated to it.
    #[error("the schema of the database {database} on {host} {why}")]
    Schema {
        /// Name of the database.
        database: String,
        /// Host of the server.
        host: String,
        /// The problem and the remedy.
        why: String,
    },
}
