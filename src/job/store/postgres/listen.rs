//! Notifies other processes of new jobs, and listens for their notifications. A notification is only a hint: a process
//! that misses it finds the job at its next poll.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Executor as _, PgPool};
use tokio::sync::Notify;

use super::sessions::PostgresStore;

const CHANNEL: &str = "optin_queued";

/// Timeout of a notification. It is short because the job is already stored.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(1);
/// Time without a notification after which the connection is tested.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout of connecting and of testing the connection.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause between two tries to listen.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Notifies other processes of a new job. This is done outside the transaction of the job, because the commit of a
/// `NOTIFY` waits for all other such commits.
pub(super) async fn notify(pool: &PgPool) {
    let notified = sqlx::query("SELECT pg_notify($1, '')")
        .bind(CHANNEL)
        .execute(pool);
    match tokio::time::timeout(NOTIFY_TIMEOUT, notified).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "could not notify other processes of a job"),
        Err(_) => tracing::debug!("could not notify other processes of a job in time"),
    }
}

impl PostgresStore {
    /// Notifies `wake` whenever any process accepts a job. Never returns.
    pub async fn wake_on_jobs(&self, wake: Arc<Notify>) {
        loop {
            if let Err(error) = self.listen(&wake).await {
                tracing::debug!(%error, "could not listen for new jobs; retrying");
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn listen(&self, wake: &Notify) -> Result<(), sqlx::Error> {
        // Use a separate pool, because a hanging connection never returns to its pool.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(RESPONSE_TIMEOUT)
            .connect_with(self.inner().options.clone());
        let mut listener = PgListener::connect_with(&pool.await?).await?;
        let listening = tokio::time::timeout(RESPONSE_TIMEOUT, listener.listen(CHANNEL));
        listening.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        loop {
            match tokio::time::timeout(IDLE_TIMEOUT, listener.recv()).await {
                Ok(received) => {
                    received?;
                    wake.notify_one();
                }
                // Either there were no notifications, or the connection hangs.
                Err(_) => {
                    let tested =
                        tokio::time::timeout(RESPONSE_TIMEOUT, listener.execute("SELECT 1"));
                    tested.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
                }
            }
        }
    }
}
