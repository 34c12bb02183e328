//! The workers of one process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::device;
use super::exit::Exit;
use super::stores::Database;
use crate::artifact::store::ArtifactStore;
use crate::config::storage::StorageFlags;
use crate::config::worker::WorkerFlags;
use crate::worker::pruner::{Core, Pruner};
use crate::worker::scratch::Scratch;
use crate::worker::source::Sources;
use crate::worker::{Options, Worker};

/// A cancel request is heard at the next beat, well within five seconds.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The queue is looked at so often when nobody says that a job came in.
const POLL: Duration = Duration::from_secs(1);

/// Workers that run.
pub(super) struct Crew {
    workers: Vec<JoinHandle<()>>,
    listening: Option<JoinHandle<()>>,
}

impl Crew {
    /// Starts them. They stop with `stop`.
    pub(super) fn start(
        database: &Database,
        artifacts: &ArtifactStore,
        sources: &Sources,
        storage: &StorageFlags,
        flags: &WorkerFlags,
        wake: &Arc<Notify>,
        stop: &CancellationToken,
    ) -> Result<Self, Exit> {
        let scratch = Arc::new(Scratch::open(&storage.work_dir())?);
        let pruner: Arc<dyn Pruner> = Arc::new(Core(device::open(flags.device)?));
        let machine = rustix::system::uname();
        let machine = machine.nodename().to_string_lossy();
        let workers = (0..flags.workers).map(|index| {
            let options = Options {
                name: format!("{machine}-{}-{index}", std::process::id()),
                device: flags.device.into(),
                quota: flags.quota(),
                lease: flags.lease(),
                heartbeat: HEARTBEAT,
                poll: POLL,
            };
            let worker = Worker::new(
                database.jobs(),
                artifacts.clone(),
                Arc::clone(&pruner),
                sources.clone(),
                Arc::clone(wake),
                Arc::clone(&scratch),
                options,
            );
            let stop = stop.clone();
            tokio::spawn(async move { worker.run(stop).await })
        });
        let workers: Vec<_> = workers.collect();
        // Without workers there is nobody to wake.
        let listening = (!workers.is_empty()).then(|| database.wake_on_jobs(wake));
        Ok(Self {
            workers,
            listening: listening.flatten(),
        })
    }

    /// Waits until they have stopped: jobs that they held go back to the queue.
    pub(super) async fn stopped(self) -> Result<(), Exit> {
        if let Some(listening) = self.listening {
            listening.abort();
        }
        for worker in self.workers {
            worker
                .await
                .map_err(|error| Exit::Broken(error.to_string()))?;
        }
        Ok(())
    }
}
