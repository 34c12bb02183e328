//! Maps the error codes of the databases to [`StoreError`], with one table.

use sqlx::error::DatabaseError;
use strum::VariantArray;

use super::error::StoreError;

/// The database that an error code belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL. A code is an SQLSTATE: five letters or digits, and the first two are its class.
    PostgreSql,
    /// SQLite. A code is a primary result code.
    Sqlite,
}

/// The meaning of a database error for the HTTP client (status code), the session pool and a running attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum Meaning {
    /// The database is unavailable, or accepts no more connections.
    ///
    /// Nothing was changed; status 503. The session ends by itself. An attempt continues while its lease is valid.
    Away,
    /// The database could not run the statement, or not in time.
    ///
    /// Nothing was changed; status 503. The session stays usable. An attempt continues while its lease is valid.
    Busy,
    /// The database is read-only.
    ///
    /// Nothing was changed; status 503. The session may stay read-only when the database no longer is, so it leaves the
    /// pool together with all older ones. An attempt continues while its lease is valid.
    ReadOnly,
    /// The disk of the database is full.
    ///
    /// Nothing was changed; status 507. The session stays usable. An attempt continues while its lease is valid.
    Full,
    /// The connection broke during the call, which may have taken effect.
    ///
    /// Status 503. The session ends by itself. An attempt repeats the call, which changes nothing if it had taken
    /// effect.
    Unknown,
    /// An internal error; status 500.
    Fault,
}

/// Meanings of error codes by prefix. The longest matching prefix counts.
pub const MEANINGS: &[(Dialect, &str, Meaning)] = &[
    // Connections that could not be made, and connections that broke.
    (Dialect::PostgreSql, "08", Meaning::Unknown),
    (Dialect::PostgreSql, "08001", Meaning::Away),
    (Dialect::PostgreSql, "08004", Meaning::Away),
    // A standby, or `default_transaction_read_only`.
    (Dialect::PostgreSql, "25006", Meaning::ReadOnly),
    // A session that was idle in a transaction for too long, and a transaction that took too long.
    (Dialect::PostgreSql, "25P03", Meaning::Away),
    (Dialect::PostgreSql, "25P04", Meaning::Away),
    // Conflicting transactions: a serialization failure and a deadlock. Then a statement with an unknown outcome.
    (Dialect::PostgreSql, "40001", Meaning::Busy),
    (Dialect::PostgreSql, "40P01", Meaning::Busy),
    (Dialect::PostgreSql, "40003", Meaning::Unknown),
    // Insufficient resources: memory, connections, limits. Then a full disk.
    (Dialect::PostgreSql, "53", Meaning::Away),
    (Dialect::PostgreSql, "53100", Meaning::Full),
    // A lock that was not available.
    (Dialect::PostgreSql, "55P03", Meaning::Busy),
    // `statement_timeout`, or a statement that an operator canceled.
    (Dialect::PostgreSql, "57014", Meaning::Busy),
    // Shutdown, startup, a dropped database, an idle session. Then a crash, which rolls back uncommitted transactions.
    (Dialect::PostgreSql, "57P", Meaning::Away),
    (Dialect::PostgreSql, "57P02", Meaning::Unknown),
    // A system error of the server, such as an I/O error.
    (Dialect::PostgreSql, "58", Meaning::Away),
    (Dialect::Sqlite, "5", Meaning::Busy),
    (Dialect::Sqlite, "6", Meaning::Busy),
    (Dialect::Sqlite, "8", Meaning::ReadOnly),
    // A file that cannot be read, written or synced to the disk.
    (Dialect::Sqlite, "10", Meaning::Unknown),
    (Dialect::Sqlite, "13", Meaning::Full),
    // Another process holds the lock of the file.
    (Dialect::Sqlite, "15", Meaning::Busy),
];

impl Meaning {
    /// Returns the meaning of a code. An extended code of SQLite has the meaning of its primary code.
    #[must_use]
    pub fn of(dialect: Dialect, code: &str) -> Self {
        let primary = match dialect {
            Dialect::PostgreSql => code.to_owned(),
            Dialect::Sqlite => code
                .parse()
                .map_or_else(|_| code.to_owned(), |code: u32| (code & 0xff).to_string()),
        };
        let fits = |start: &str| match dialect {
            Dialect::PostgreSql => primary.starts_with(start),
            Dialect::Sqlite => primary == start,
        };
        let known = MEANINGS
            .iter()
            .filter(|(whose, start, _)| *whose == dialect && fits(start));
        let longest = known.max_by_key(|(_, start, _)| start.len());
        longest.map_or(Self::Fault, |(_, _, meaning)| *meaning)
    }

    /// Converts the meaning to the error of the store.
    #[must_use]
    pub fn into_error(self, why: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
        match self {
            Self::Away | Self::Busy => StoreError::Unavailable(why),
            Self::ReadOnly => StoreError::ReadOnly(why),
            Self::Full => StoreError::Full,
            Self::Unknown => StoreError::Unanswered(why),
            Self::Fault => StoreError::Database(why),
        }
    }
}

/// Returns the meaning of a database error.
fn meaning_of(error: &dyn DatabaseError) -> Meaning {
    let dialect = match error.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        Some(_) => Dialect::Sqlite,
        None => Dialect::PostgreSql,
    };
    Meaning::of(dialect, &error.code().unwrap_or_default())
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let meaning = match &error {
            sqlx::Error::Database(error) => meaning_of(error.as_ref()),
            sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Meaning::Away
            }
            // The connection existed, so the request may have arrived.
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => Meaning::Unknown,
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Tls(_)
            | sqlx::Error::BeginFailed => Meaning::Away,
            _ => Meaning::Fault,
        };
        meaning.into_error(Box::new(error))
    }
}
