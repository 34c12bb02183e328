//! What the databases say when something fails, in the store's words.

use super::StoreError;

/// SQLite's primary result code for a full disk, and PostgreSQL's SQLSTATE.
const FULL: [&str; 2] = ["13", "53100"];

/// SQLSTATEs of a PostgreSQL that cannot answer now and may in a moment: connection failures, too many
/// connections, shutting down and starting up, a deadlock that it broke, a lock that was not to be had.
const BUSY: [&str; 6] = ["08", "53300", "57P", "40P01", "40001", "55P03"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .unwrap_or_default();
        if FULL.contains(&&*code) {
            return Self::Full;
        }
        let away = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        );
        match away || BUSY.iter().any(|busy| code.starts_with(busy)) {
            true => Self::Unavailable(Box::new(error)),
            false => Self::Database(Box::new(error)),
        }
    }
}
