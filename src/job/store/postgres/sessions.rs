//! The pool of PostgreSQL sessions: how they are opened, tested and closed.
//!
//! A connection may hang without ever breaking, so every use of a session has a timeout:
//! - A call has the timeout of its [store](Bounded).
//! - A session is tested before it is used again.
//! - A session is tested when it returns to the pool, because its call may have been abandoned.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, Row as _};

use super::error::OpenError;
use crate::job::store::bounded::{Bounded, Heed};
use crate::job::store::error::StoreError;
use crate::job::store::schema;

/// Timeout of getting a session from the pool; afterwards the database is reported as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two tries to connect to a server that is starting.
const START_PAUSE: Duration = Duration::from_millis(250);
/// Timeout of the test before a session is used; a session that does not respond is closed.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of the test when a session returns to the pool.
const RETURN_TIMEOUT: Duration = Duration::from_millis(500);
/// Interval between two diagnoses of why no session is available.
const DIAGNOSIS_INTERVAL: Duration = Duration::from_secs(10);

/// Timeouts of each session, so that a process that is suspended within a transaction does not hold its locks for long.
/// They are set after the start of the session, because poolers do not accept settings in the start message.
const SESSION: &str = "SET statement_timeout = '15s'; SET lock_timeout = '10s'; \
                       SET idle_in_transaction_session_timeout = '10s'";

/// The sessions of this process with the server.
pub struct Sessions {
    pub(super) pool: PgPool,
    pub(super) options: PgConnectOptions,
    suspects: Arc<Suspects>,
}

/// The PostgreSQL store, with a timeout for each call.
pub type PostgresStore = Bounded<Sessions>;

/// Tells which sessions of the pool are suspect and must not be used again.
#[derive(Default)]
struct Suspects {
    /// Sessions that started before this moment are suspect.
    before: Mutex<Option<Instant>>,
    /// Whether the last session that started was read-only. All sessions are suspect until a writable one starts.
    read_only: AtomicBool,
    /// Time of the last diagnosis of why no session is available.
    diagnosed: Mutex<Option<Instant>>,
}

impl PostgresStore {
    /// Connects to the server and migrates the schema. Processes that start at the same time migrate one after another.
    ///
    /// # Errors
    /// Returns an error if the URL is invalid, if the server does not respond, if a pooler shares its sessions, or if
    /// the schema cannot be migrated, for example because it is newer than this release.
    pub async fn open(url: &str, connections: u32) -> Result<Self, OpenError> {
        let options: PgConnectOptions = url.parse().map_err(|_| OpenError::Url)?;
        // Poolers refuse settings in the start message. This setting is for floats, and no column is a float.
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
        // Migrate without the session timeouts, because a migration may take longer than any call.
        let alone = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone());
        let alone = alone.await.map_err(|error| failed(describe(&error)))?;
        let migrated = sqlx::migrate!("migrations/postgres").run(&alone).await;
        migrated.map_err(|error| OpenError::Schema {
            database: database.clone(),
            host: host.clone(),
            why: schema::describe(&error),
        })?;
        alone.close().await;
        let suspects = Arc::new(Suspects::default());
        let pool = pool(connections, &suspects).connect_with(options.clone());
        let pool = pool.await.map_err(|error| failed(describe(&error)))?;
        Ok(Self::new(Sessions {
            pool,
            options,
            suspects,
        }))
    }
}

/// Returns the options of the pool, which closes sessions that hang or that are suspect.
fn pool(connections: u32, suspects: &Arc<Suspects>) -> PgPoolOptions {
    let on_connect = Arc::clone(suspects);
    let on_acquire = Arc::clone(suspects);
    let on_release = Arc::clone(suspects);
    PgPoolOptions::new()
        .max_connections(connections.max(2))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // The pool's own test has no timeout.
        .test_before_acquire(false)
        .after_connect(move |session, _| {
            let suspects = Arc::clone(&on_connect);
            Box::pin(async move {
                session.execute(SESSION).await?;
                let read_only = sqlx::query_scalar(
                    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'",
                );
                suspects.session_started(read_only.fetch_one(session).await?);
                Ok(())
            })
        })
        .before_acquire(move |session, known| {
            let suspects = Arc::clone(&on_acquire);
            Box::pin(async move {
                if !suspects.is_usable(known.age) {
                    return Ok(false);
                }
                let responded = responds(session, PING_TIMEOUT).await;
                if responded.is_err() {
                    suspects.suspect_all();
                }
                responded
            })
        })
        .after_release(move |session, known| {
            let suspects = Arc::clone(&on_release);
            Box::pin(async move {
                // Close a suspect session at once, because its unfinished transaction may hold locks.
                match suspects.is_usable(known.age) {
                    true => responds(session, RETURN_TIMEOUT).await,
                    false => Ok(false),
                }
            })
        })
}

/// Returns whether a session responds. If its last call was abandoned, the response of that call is read first.
async fn responds(session: &mut PgConnection, within: Duration) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(within, session.ping()).await {
        Ok(responded) => responded.map(|()| true),
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

impl Suspects {
    /// Records that a session started, and whether it is read-only. The first writable session after a read-only one
    /// makes all older ones suspect, because they may have stayed read-only.
    fn session_started(&self, read_only: bool) {
        if self.read_only.swap(read_only, Ordering::SeqCst) && !read_only {
            self.suspect_all();
        }
    }

    /// Returns whether a session of this age may be used.
    fn is_usable(&self, age: Duration) -> bool {
        if self.read_only.load(Ordering::SeqCst) {
            return false;
        }
        let before = *self.before.lock().unwrap_or_else(PoisonError::into_inner);
        before.is_none_or(|before| age < before.elapsed())
    }

    /// Makes all current sessions suspect.
    fn suspect_all(&self) {
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Returns whether a diagnosis of why no session is available is due, and records it.
    fn diagnosis_due(&self) -> bool {
        let mut diagnosed = self
            .diagnosed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let due = diagnosed.is_none_or(|last| last.elapsed() > DIAGNOSIS_INTERVAL);
        if due {
            *diagnosed = Some(Instant::now());
        }
        due
    }
}

impl Heed for Sessions {
    /// Makes all sessions suspect after a call without a response, or after one that found the database read-only:
    /// other sessions may hang as well, or stay read-only when the database no longer is. If no session is available,
    /// logs the reason.
    fn observe(&self, error: &StoreError) {
        let why = match error {
            StoreError::Unanswered(_) | StoreError::ReadOnly(_) => {
                return self.suspects.suspect_all();
            }
            StoreError::Unavailable(why) => why.downcast_ref::<sqlx::Error>(),
            _ => return,
        };
        match why {
            Some(sqlx::Error::Io(_)) => self.suspects.suspect_all(),
            Some(sqlx::Error::PoolTimedOut) if self.suspects.diagnosis_due() => {
                let (options, most) = (self.options.clone(), self.pool.size());
                tokio::spawn(async move {
                    let host = options.get_host();
                    match connect_once(&options).await {
                        Ok(_) => tracing::warn!(
                            host,
                            most,
                            "all connections of this process are in use; increase --database-connections"
                        ),
                        Err(why) => {
                            let why = describe(&why);
                            tracing::warn!(host, why, "the database is unavailable");
                        }
                    }
                });
            }
            _ => {}
        }
    }
}

/// Opens one session. If the server is starting, it retries for up to [`ACQUIRE_TIMEOUT`].
async fn connect(options: &PgConnectOptions) -> Result<PgConnection, String> {
    let start = Instant::now();
    loop {
        match connect_once(options).await {
            Ok(session) => return Ok(session),
            Err(error) if is_starting(&error) && start.elapsed() < ACQUIRE_TIMEOUT => {
                tokio::time::sleep(START_PAUSE).await;
            }
            Err(error) => return Err(describe(&error)),
        }
    }
}

async fn connect_once(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let connected = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(options));
    connected.await.map_err(|_| sqlx::Error::PoolTimedOut)?
}

/// Returns whether the server may be available soon: it refuses connections, or reports that it is starting or
/// stopping.
fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => error.code().as_deref() == Some("57P03"),
        _ => false,
    }
}

/// Returns whether a pooler shares sessions between connections. It queries the session ids of two connections in turn.
/// The sessions are shared if both have the same id, or if the id of one changes.
///
/// A pooler in transaction mode assigns each transaction to any free session. So prepared statements, settings and
/// locks of one transaction are not available to the next.
async fn are_shared(first: &mut PgConnection, options: &PgConnectOptions) -> Result<bool, String> {
    let compared = async {
        let mut second = PgConnection::connect_with(options).await?;
        let (one, other) = (session_id(first).await?, session_id(&mut second).await?);
        let (other_again, one_again) = (session_id(&mut second).await?, session_id(first).await?);
        second.close().await?;
        Ok(one == other || other != other_again || one != one_again)
    };
    match tokio::time::timeout(ACQUIRE_TIMEOUT, compared).await {
        Ok(shared) => shared.map_err(|error: sqlx::Error| describe(&error)),
        Err(_) => Err(describe(&sqlx::Error::PoolTimedOut)),
    }
}

/// Returns the server process of this session. It sends a simple query, because a prepared statement would fail in a
/// shared session.
async fn session_id(session: &mut PgConnection) -> Result<i32, sqlx::Error> {
    let found = session.fetch_one(sqlx::raw_sql("SELECT pg_backend_pid()"));
    found.await?.try_get(0)
}

/// Describes why a session cannot be opened.
fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => {
            format!("no response within {} s", ACQUIRE_TIMEOUT.as_secs())
        }
        sqlx::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => {
                "connection refused; check the host and the port, and that the server runs"
                    .to_owned()
            }
            _ => error.to_string(),
        },
        sqlx::Error::Tls(error) => format!("could not make an encrypted connection ({error})"),
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("28P01" | "28000") => {
                format!("authentication failed ({})", error.message())
            }
            Some("3D000") => "the server has no database with this name".to_owned(),
            Some("53300") => format!(
                "the server accepts no more connections ({})",
                error.message()
            ),
            Some("57P03") => {
                format!(
                    "the server is starting up or shutting down ({})",
                    error.message()
                )
            }
            _ => error.message().to_owned(),
        },
        error => error.to_string(),
    }
}
