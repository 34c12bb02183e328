//! Sessions of a PostgreSQL server: how they are opened, kept and given up.
//!
//! A connection may stand still without ever breaking. So nothing is asked of one without a limit: a call has the
//! limit of its [store](Bounded), a session is tried before it is used again, and one that was given up
//! in the middle of a call is tried before it goes back to the pool.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, Row as _};

use super::OpenError;
use crate::job::store::bounded::{Bounded, Heed};
use crate::job::store::{StoreError, schema};

/// How long a caller waits for a session before it hears that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries to reach a server that is starting.
const START_PAUSE: Duration = Duration::from_millis(250);
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
    pub(super) options: PgConnectOptions,
    doubts: Arc<Doubts>,
}

/// What is to be thought of sessions that are older than this.
#[derive(Default)]
struct Doubts {
    /// Sessions that began before this moment are not used again.
    since: Mutex<Option<Instant>>,
    /// Whether the last session that began was read-only: none is used again until one is not.
    read_only: AtomicBool,
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
    let (begun, doubts, returned) = (Arc::clone(doubts), Arc::clone(doubts), Arc::clone(doubts));
    PgPoolOptions::new()
        .max_connections(connections.max(2))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // The pool's own trials know no limit.
        .test_before_acquire(false)
        .after_connect(move |session, _| {
            let doubts = Arc::clone(&begun);
            Box::pin(async move {
                session.execute(SESSION).await?;
                let read_only = sqlx::query_scalar(
                    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'",
                );
                doubts.begun(read_only.fetch_one(session).await?);
                Ok(())
            })
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
                // What was under way in one that is in doubt may hold locks: it ends at once.
                match doubts.spare(known.age) {
                    true => answers(session, RETURN_TIMEOUT).await,
                    false => Ok(false),
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
    /// A session begins, which can be written in or not. A database that has come back leaves older ones read-only.
    fn begun(&self, read_only: bool) {
        if self.read_only.swap(read_only, Ordering::SeqCst) && !read_only {
            self.raise();
        }
    }

    /// Whether a session of this age may be used.
    fn spare(&self, age: Duration) -> bool {
        if self.read_only.load(Ordering::SeqCst) {
            return false;
        }
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
    /// After a call that was not answered, or that met a database which takes no changes, every session is in doubt: it
    /// may stand still like the one that was asked, or stay read-only when the database no longer is.
    fn heed(&self, error: &StoreError) {
        let why = match error {
            StoreError::Unanswered(_) | StoreError::ReadOnly(_) => return self.doubts.raise(),
            StoreError::Unavailable(why) => why.downcast_ref::<sqlx::Error>(),
            _ => return,
        };
        match why {
            Some(sqlx::Error::Io(_)) => self.doubts.raise(),
            Some(sqlx::Error::PoolTimedOut) if self.doubts.ask_why() => {
                let (options, most) = (self.options.clone(), self.pool.size());
                tokio::spawn(async move {
                    let host = options.get_host();
                    match connect_once(&options).await {
                        Ok(_) => tracing::warn!(
                            host,
                            most,
                            "all connections of this process are in use; raise --database-connections"
                        ),
                        Err(why) => {
                            let why = told(&why);
                            tracing::warn!(host, why, "the database is away");
                        }
                    }
                });
            }
            _ => {}
        }
    }
}

/// One session. A server that is starting is waited for a little.
async fn connect(options: &PgConnectOptions) -> Result<PgConnection, String> {
    let start = Instant::now();
    loop {
        match connect_once(options).await {
            Ok(session) => return Ok(session),
            Err(error) if is_starting(&error) && start.elapsed() < ACQUIRE_TIMEOUT => {
                tokio::time::sleep(START_PAUSE).await;
            }
            Err(error) => return Err(told(&error)),
        }
    }
}

async fn connect_once(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let connected = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(options));
    connected.await.map_err(|_| sqlx::Error::PoolTimedOut)?
}

/// Whether a server may be there in a moment: nobody listens, or it says that it starts.
fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => error.code().as_deref() == Some("57P03"),
        _ => false,
    }
}

/// Whether two connections share sessions: asked in turns, one of them meets the other's, or not its own again. A
/// pooler in transaction mode gives each transaction whatever session is free, and what is prepared, set or locked in
/// one is not there for the next.
async fn are_shared(first: &mut PgConnection, options: &PgConnectOptions) -> Result<bool, String> {
    let compared = async {
        let mut second = PgConnection::connect_with(options).await?;
        let (one, other) = (session_id(first).await?, session_id(&mut second).await?);
        let (other_again, one_again) = (session_id(&mut second).await?, session_id(first).await?);
        second.close().await?;
        Ok(one == other || other != other_again || one != one_again)
    };
    match tokio::time::timeout(ACQUIRE_TIMEOUT, compared).await {
        Ok(shared) => shared.map_err(|error: sqlx::Error| told(&error)),
        Err(_) => Err(told(&sqlx::Error::PoolTimedOut)),
    }
}

/// The server's process for this session, asked plainly: nothing is prepared, which would fail in a shared one.
async fn session_id(session: &mut PgConnection) -> Result<i32, sqlx::Error> {
    let asked = session.fetch_one(sqlx::raw_sql("SELECT pg_backend_pid()"));
    asked.await?.try_get(0)
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
