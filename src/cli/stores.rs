//! Opens the stores that the flags name.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::exit::Exit;
use crate::artifact::store::ArtifactStore;
use crate::config::storage::{DatabaseFlags, DatabasePlace, StorageFlags};
use crate::job::store::postgres::PostgresStore;
use crate::job::store::sqlite::{OpenError, SqliteStore};
use crate::job::store::{JobStore, Store};

/// An open job database: a file for one process, or a server for many.
pub(super) enum Database {
    /// A SQLite file.
    File(Arc<SqliteStore>),
    /// A PostgreSQL server.
    Server(Arc<PostgresStore>),
}

impl Database {
    /// Opens the database. `remedy` completes the error message if another process uses the file.
    pub(super) async fn open(flags: &DatabaseFlags, remedy: &str) -> Result<Self, Exit> {
        let broken = |error: &dyn std::fmt::Display| Exit::Broken(error.to_string());
        match flags.database().map_err(Exit::Usage)? {
            DatabasePlace::File(path) => match SqliteStore::open(&path).await {
                Ok(store) => Ok(Self::File(Arc::new(store))),
                Err(OpenError::InUse { path }) => Err(Exit::Broken(format!(
                    "the database {path} is in use by another process; {remedy}"
                ))),
                Err(error) => Err(broken(&error)),
            },
            DatabasePlace::Server { url, connections } => {
                let store = PostgresStore::open(&url, connections).await;
                Ok(Self::Server(Arc::new(
                    store.map_err(|error| broken(&error))?,
                )))
            }
        }
    }

    /// Returns the whole store.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::File(store) => Arc::clone(store) as Arc<dyn Store>,
            Self::Server(store) => Arc::clone(store) as Arc<dyn Store>,
        }
    }

    /// Returns the job store.
    pub(super) fn jobs(&self) -> Arc<dyn JobStore> {
        self.store() as Arc<dyn JobStore>
    }

    /// Wakes waiting workers when another process accepts a job. Returns `None` for a file, which only one
    /// process uses.
    pub(super) fn wake_on_jobs(&self, wake: &Arc<Notify>) -> Option<JoinHandle<()>> {
        let Self::Server(store) = self else {
            return None;
        };
        let (store, wake) = (Arc::clone(store), Arc::clone(wake));
        Some(tokio::spawn(async move { store.wake_on_jobs(wake).await }))
    }
}

/// Opens the artifact store, and writes and reads an object to check it. So an unusable store is reported at
/// once instead of by the first job.
pub(super) async fn open_artifacts(storage: &StorageFlags) -> Result<ArtifactStore, Exit> {
    let broken = |error: &dyn std::fmt::Display| Exit::Broken(error.to_string());
    let place = storage.artifacts().map_err(Exit::Usage)?;
    let artifacts = place.open().map_err(|error| broken(&error))?;
    artifacts.probe().await.map_err(|error| broken(&error))?;
    Ok(artifacts)
}
