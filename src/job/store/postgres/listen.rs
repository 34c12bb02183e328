//! Tells the other processes that a job came in, and hears it from them. A hint: who misses it finds the job
//! at the next look.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Executor as _, PgPool};
use tokio::sync::Notify;

use super::PostgresStore;

const CHANNEL: &str = "optin_queued";

/// The job is kept already: nobody waits longer for the hint.
const TELL: Duration = Duration::from_secs(1);
/// After so long a silence the connection is tried, ..
const QUIET: Duration = Duration::from_secs(30);
/// .. and given up when it does not answer within this time.
const ANSWER: Duration = Duration::from_secs(5);

/// Between two tries to listen.
const AGAIN: Duration = Duration::from_secs(1);

/// Outside the job's transaction: a `NOTIFY` makes its commit wait for the commits of all others.
pub(super) async fn tell(pool: &PgPool) {
    let told = sqlx::query("SELECT pg_notify($1, '')")
        .bind(CHANNEL)
        .execute(pool);
    match tokio::time::timeout(TELL, told).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "the other processes were not told of a job"),
        Err(_) => tracing::debug!("the other processes were not told of a job in time"),
    }
}

impl PostgresStore {
    /// Wakes a waiting worker whenever any process accepts a job. Never ends by itself.
    pub async fn wake_on_jobs(&self, wake: Arc<Notify>) {
        loop {
            if let Err(error) = self.hear(&wake).await {
                tracing::debug!(%error, "not listening for jobs; trying again");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn hear(&self, wake: &Notify) -> Result<(), sqlx::Error> {
        // A pool of its own: a connection that stands still is never given back.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ANSWER)
            .connect_with(self.inner().options.clone());
        let mut listener = PgListener::connect_with(&pool.await?).await?;
        let listening = tokio::time::timeout(ANSWER, listener.listen(CHANNEL));
        listening.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        loop {
            match tokio::time::timeout(QUIET, listener.recv()).await {
                Ok(heard) => {
                    heard?;
                    wake.notify_one();
                }
                // Nobody had anything to tell, or the connection stands still.
                Err(_) => {
                    let answer = tokio::time::timeout(ANSWER, listener.execute("SELECT 1"));
                    answer.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
                }
            }
        }
    }
}
