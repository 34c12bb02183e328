//! Sessions of a PostgreSQL server: how they are opened, kept and given up.
//!
//! A connection may stand still without ever breaking. So nothing is asked of one without a limit: a call has the
//! limit of its [store](Bounded), a session is tried before it is used again, and one that was given up
//! in the middle of a call is tried before it goes back to the pool.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection as _, Executor as _};
use uuid::Uuid;

use super::OpenError;
use crate::job::store::bounded::{Bounded, Heed};
use crate::job::store::{StoreError, schema};

/// How long a caller waits for a session before it hears that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A session that does not answer within this time is given up.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// One that was given up in the middle of a call, within this time.
const RETURN_TIMEOUT: Duration = Duration::from_millis(500);
/// Between two looks for the reason why no session is to be had.
const WHY_EVERY: Duration = Duration::from_secs(10);

/// Limits of each session. A process that was stopped within a transaction must not hold its locks for long. Set after
/// the start, for poolers take no settings at it.
const SESSION: &str = "SET statement_timeout = '15s'; SET lock_timeout = '10s'; \
                       SET idle_in_transaction_session_timeout = '10s'";

/// The server, as this process reaches it.
pub struct Sessions {
    pub(super) pool: PgPool,
    options: PgConnectOptions,
    doubts: Arc<Doubts>,
}

/// What is to be thought of sessions that are older than this.
#[derive(Default)]
struct Doubts {
    /// Sessions that began before this moment are not used again.
    since: Mutex<Option<Instant>>,
    /// When it was last looked why no session is to be had.
    looked: Mutex<Option<Instant>>,
}

impl Bounded<Sessions> {
    /// Connects, and brings the schema up to date; processes that start at once take turns at that.
    ///
    /// # Errors
    /// When the URL is none, the server does not answer or is reached through a pooler that shares its sessions, or the
    /// schema is newer than this release.
    pub async fn open(url: &str, connections: u32) -> Result<Self, OpenError> {
        let options: PgConnectOptions = url.parse().map_err(|_| OpenError::Url)?;
        // Poolers refuse settings at the start of a session; this one is for floats, which no column has.
        let options = options.application_name("optin").extra_float_digits(None);
        let (database, host) = (
            options.get_database().unwrap_or("of the user").to_owned(),
            options.get_host().to_owned(),
        );
        let failed = |why| OpenError::Connect {
            database: database.clone(),
            host: host.clone(),
            why,
        };
        let mut first = connect(&options).await.map_err(failed)?;
        let shared = are_shared(&mut first, &options).await;
        if shared.map_err(failed)? {
            return Err(OpenError::Shared { database, host });
        }
        let _ = tokio::time::timeout(PING_TIMEOUT, first.close()).await;
        // Without the limits of other sessions: a migration may take longer than any call.
        let alone = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone());
        let alone = alone.await.map_err(|error| failed(told(&error)))?;
        let migrated = sqlx::migrate!("migrations/postgres").run(&alone).await;
        migrated.map_err(|error| OpenError::Schema {
            database: database.clone(),
            host: host.clone(),
            why: schema::told(&error),
        })?;
        alone.close().await;
        let doubts = Arc::new(Doubts::default());
        let pool = pool(connections, &doubts).connect_with(options.clone());
        let pool = pool.await.map_err(|error| failed(told(&error)))?;
        Ok(Self::new(Sessions {
            pool,
            options,
            doubts,
        }))
    }
}

/// The pool, which gives up sessions that stand still or that are in doubt.
fn pool(connections: u32, doubts: &Arc<Doubts>) -> PgPoolOptions {
    let (doubts, returned) = (Arc::clone(doubts), Arc::clone(doubts));
    PgPoolOptions::new()
        .max_connections(connections.max(2))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // The pool's own trials know no limit.
        .test_before_acquire(false)
        .after_connect(|session, _| {
            Box::pin(async move { session.execute(SESSION).await.map(drop) })
        })
        .before_acquire(move |session, known| {
            let doubts = Arc::clone(&doubts);
            Box::pin(async move {
                if !doubts.spare(known.age) {
                    return Ok(false);
                }
                let answered = answers(session, PING_TIMEOUT).await;
                if answered.is_err() {
                    doubts.raise();
                }
                answered
            })
        })
        .after_release(move |session, known| {
            let doubts = Arc::clone(&returned);
            Box::pin(async move {
                // What was under way in it may hold locks: it ends at once.
                match doubts.spare(known.age) {
                    true => answers(session, RETURN_TIMEOUT).await,
                    false => Err(sqlx::Error::PoolTimedOut),
                }
            })
        })
}

/// Whether a session answers: what was given up in the middle of a call is read to its end first.
async fn answers(session: &mut PgConnection, within: Duration) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(within, session.ping()).await {
        Ok(answered) => answered.map(|()| true),
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

impl Doubts {
    /// Whether a session of this age may be used.
    fn spare(&self, age: Duration) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_none_or(|since| age < since.elapsed())
    }

    fn raise(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether it is time to look why no session is to be had.
    fn ask_why(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.is_none_or(|looked| looked.elapsed() > WHY_EVERY);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }
}

impl Heed for Sessions {
    /// After a call that was not answered, or that met a database which takes no changes, every session is in doubt: it may
    /// stand still like the one that was asked, or stay read-only when the database no longer is.
    fn heed(&self, error: &StoreError) {
        let why = match error {
            StoreError::Unanswered(_) | StoreError::ReadOnly(_) => return self.doubts.raise(),
            StoreError::Unavailable(why) => why,
            _ => return,
        };
        self.doubts.raise();
        let none = why
            .downcast_ref::<sqlx::Error>()
            .is_some_and(|error| matches!(error, sqlx::Error::PoolTimedOut));
        if none && self.doubts.ask_why() {
            let options = self.options.clone();
            tokio::spawn(async move {
                if let Err(why) = connect(&options).await {
                    tracing::warn!(host = options.get_host(), why, "the database is away");
                }
            });
        }
    }
}

/// One session, within a limit.
async fn connect(options: &PgConnectOptions) -> Result<PgConnection, String> {
    let connected = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(options));
    match connected.await {
        Ok(connected) => connected.map_err(|error| told(&error)),
        Err(_) => Err(told(&sqlx::Error::PoolTimedOut)),
    }
}

/// Whether two connections share a session: a setting of the one is seen by the other. A pooler in transaction mode gives
/// each transaction whatever session is free, and what is prepared, set or locked in one is not there for the next.
async fn are_shared(first: &mut PgConnection, options: &PgConnectOptions) -> Result<bool, String> {
    let mark = Uuid::new_v4().simple().to_string();
    let compared = async {
        let mut second = PgConnection::connect_with(options).await?;
        // Plain queries: nothing is prepared, which would fail in such a session.
        let set = format!("SET optin.mark = '{mark}'");
        first
            .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(set)))
            .await?;
        let seen = second
            .fetch_one(sqlx::raw_sql("SELECT current_setting('optin.mark', true)"))
            .await?;
        let seen: Option<String> = sqlx::Row::try_get(&seen, 0)?;
        second.close().await?;
        Ok(seen.as_deref() == Some(mark.as_str()))
    };
    match tokio::time::timeout(ACQUIRE_TIMEOUT, compared).await {
        Ok(shared) => shared.map_err(|error| told(&error)),
        Err(_) => Err(told(&sqlx::Error::PoolTimedOut)),
    }
}

/// Why there is no session, in plain words.
fn told(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => {
            format!("it does not answer within {} s", ACQUIRE_TIMEOUT.as_secs())
        }
        sqlx::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
            _ => error.to_string(),
        },
        sqlx::Error::Tls(error) => format!("no encrypted connection can be made ({error})"),
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("28P01" | "28000") => {
                format!("it refuses the user or the password ({})", error.message())
            }
            Some("3D000") => "it has no database of this name".to_owned(),
            Some("53300") => format!("it takes no more connections ({})", error.message()),
            Some("57P03") => format!("it starts up or shuts down ({})", error.message()),
            _ => error.message().to_owned(),
        },
        error => error.to_string(),
    }
}
