//! What the databases say when something fails, in the store's words: one table.

use sqlx::error::DatabaseError;
use strum::VariantArray;

use super::StoreError;

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// A SQLSTATE: five letters or digits, the first two of which are its class.
    PostgreSql,
    /// A primary result code.
    Sqlite,
}

/// What a failure means to the caller, to the pool of sessions and to an attempt at a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum Meaning {
    /// The database is away, or has no room for another caller. Nothing was done; 503. The session ends by itself. An
    /// attempt goes on while its lease holds.
    Away,
    /// The database did not get to it, or not in time. Nothing was done; 503. The session is good. An attempt goes on
    /// while its lease holds.
    Busy,
    /// The database takes no changes. Nothing was done; 503. The session may stay so when the database no longer is:
    /// it leaves the pool, with all that are older. An attempt goes on while its lease holds.
    ReadOnly,
    /// The database's disk is full. Nothing was done; 507. The session is good. An attempt goes on while its lease
    /// holds.
    Full,
    /// The connection broke under way: it may have been done; 503. The session ends by itself. An attempt says it
    /// again, which changes nothing that was done.
    Unknown,
    /// A fault of ours: 500.
    Fault,
}

/// What codes mean, by how they begin; the longest that fits counts.
pub const MEANINGS: &[(Dialect, &str, Meaning)] = &[
    // Connections: those that could not be made, and those that broke.
    (Dialect::PostgreSql, "08", Meaning::Unknown),
    (Dialect::PostgreSql, "08001", Meaning::Away),
    (Dialect::PostgreSql, "08004", Meaning::Away),
    // A standby, or `default_transaction_read_only`.
    (Dialect::PostgreSql, "25006", Meaning::ReadOnly),
    // A session that did nothing within a transaction for too long, and one whose transaction took too long.
    (Dialect::PostgreSql, "25P03", Meaning::Away),
    (Dialect::PostgreSql, "25P04", Meaning::Away),
    // Transactions that came into each other's way: serialization, a deadlock; and one of which nobody knows.
    (Dialect::PostgreSql, "40001", Meaning::Busy),
    (Dialect::PostgreSql, "40P01", Meaning::Busy),
    (Dialect::PostgreSql, "40003", Meaning::Unknown),
    // Resources: memory, connections, limits; the disk.
    (Dialect::PostgreSql, "53", Meaning::Away),
    (Dialect::PostgreSql, "53100", Meaning::Full),
    // A lock that was not to be had.
    (Dialect::PostgreSql, "55P03", Meaning::Busy),
    // `statement_timeout`, or an operator who cancels.
    (Dialect::PostgreSql, "57014", Meaning::Busy),
    // Shutting down, starting up, a database that is dropped, a session that was idle; a crash, which rolls back
    // what was not committed.
    (Dialect::PostgreSql, "57P", Meaning::Away),
    (Dialect::PostgreSql, "57P02", Meaning::Unknown),
    // The operating system failed the server.
    (Dialect::PostgreSql, "58", Meaning::Away),
    (Dialect::Sqlite, "5", Meaning::Busy),
    (Dialect::Sqlite, "6", Meaning::Busy),
    (Dialect::Sqlite, "8", Meaning::ReadOnly),
    // A file that cannot be read, written, or brought to the disk.
    (Dialect::Sqlite, "10", Meaning::Unknown),
    (Dialect::Sqlite, "13", Meaning::Full),
    // Another process keeps the file's lock.
    (Dialect::Sqlite, "15", Meaning::Busy),
];

impl Meaning {
    /// What a code means. SQLite's extended codes mean what their primary code does.
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

    /// What the store says of it.
    #[must_use]
    pub fn told(self, why: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
        match self {
            Self::Away | Self::Busy => StoreError::Unavailable(why),
            Self::ReadOnly => StoreError::ReadOnly(why),
            Self::Full => StoreError::Full,
            Self::Unknown => StoreError::Unanswered(why),
            Self::Fault => StoreError::Database(why),
        }
    }
}

/// What the error of a database means.
fn meant(error: &dyn DatabaseError) -> Meaning {
    let dialect = match error.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        Some(_) => Dialect::Sqlite,
        None => Dialect::PostgreSql,
    };
    Meaning::of(dialect, &error.code().unwrap_or_default())
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let meaning = match &error {
            sqlx::Error::Database(error) => meant(error.as_ref()),
            sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Meaning::Away
            }
            // The connection was there: what was sent may have arrived.
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => Meaning::Unknown,
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Tls(_)
            | sqlx::Error::BeginFailed => Meaning::Away,
            _ => Meaning::Fault,
        };
        meaning.told(Box::new(error))
    }
}
