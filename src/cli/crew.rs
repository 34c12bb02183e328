//! Starts and stops the workers of one process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::child;
use super::device;
use super::exit::Exit;
use super::stores::Database;
use crate::artifact::health::Health;
use crate::config::storage::StorageFlags;
use crate::config::worker::WorkerFlags;
use crate::job::queue;
use crate::job::store::JobStore;
use crate::telemetry::pulse::Pulses;
use crate::worker::lookout::Lookout;
use crate::worker::pruner::Pruner;
use crate::worker::scratch::Scratch;
use crate::worker::source::Sources;
use crate::worker::{Options, Worker, longest_quiet};

/// Interval between heartbeats. A cancel request is noticed at the next heartbeat, well within five seconds.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Interval between polls of the queue when no notification of a new job arrives.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Interval between two notes in the database that this process runs workers. Several fit into the lifetime of a note.
const NOTE_INTERVAL: Duration = Duration::from_secs(15);
/// Time without claims after the database did not respond.
const OUTAGE_PAUSE: Duration = Duration::from_secs(3);

/// Signals between the parts of a process.
#[derive(Default)]
pub(super) struct Signals {
    /// A new job may be available.
    pub(super) wake: Arc<Notify>,
    /// Signs of life of background loops.
    pub(super) pulses: Pulses,
    /// The process must stop.
    pub(super) stop: CancellationToken,
}

/// Running workers.
pub(super) struct Crew {
    workers: Vec<JoinHandle<()>>,
    noting: Option<JoinHandle<()>>,
    purging: JoinHandle<()>,
    listening: Option<JoinHandle<()>>,
    lookout: Option<JoinHandle<()>>,
}

impl Crew {
    /// Starts the workers. They stop when `signals.stop` is canceled.
    pub(super) fn start(
        database: &Database,
        health: &Health,
        sources: &Sources,
        storage: &StorageFlags,
        (count, flags): (u16, &WorkerFlags),
        signals: &Signals,
    ) -> Result<Self, Exit> {
        let scratch = Arc::new(Scratch::open(&storage.work_dir())?);
        // The child processes open the device. Opened here, a missing one is an error at the start.
        let _ = device::open(flags.device)?;
        let pruner: Arc<dyn Pruner> = Arc::new(child::isolated(flags.device, flags, sources)?);
        // A wrong key is an error at the start, and not that of each job.
        let signer = match flags.signing.signer() {
            Ok(signer) => signer.map(Arc::new),
            Err(error) => return Err(Exit::Usage(error.to_string())),
        };
        let machine = rustix::system::uname();
        let machine = machine.nodename().to_string_lossy();
        // A random part makes worker names unique: machines may share a host name, and processes in containers a
        // process ID.
        let process = Uuid::new_v4().simple().to_string();
        let process = format!("{machine}-{}", &process[..8]);
        let noted = queue::Crew {
            name: process.clone(),
            device: flags.device.into(),
            workers: i64::from(count),
        };
        let noting = (count > 0).then(|| tokio::spawn(note(database.jobs(), noted)));
        // Without workers, the cache has the uploads that the API checks.
        let cached = sources.clone();
        let purging = tokio::spawn(async move { cached.keep_purged().await });
        let workers = (0..count).map(|index| {
            let name = format!("{process}-{index}");
            let max_silence = longest_quiet(flags.lease);
            let options = Options {
                pulse: signals.pulses.watch(format!("worker {name}"), max_silence),
                name,
                device: flags.device.into(),
                quota: flags.quota(),
                lease: flags.lease,
                heartbeat: HEARTBEAT_INTERVAL,
                poll: POLL_INTERVAL,
                after_outage: OUTAGE_PAUSE,
                signer: signer.clone(),
            };
            let worker = Worker::new(
                database.jobs(),
                health.clone(),
                Arc::clone(&pruner),
                sources.clone(),
                Arc::clone(&signals.wake),
                Arc::clone(&scratch),
                options,
            );
            let stop = signals.stop.clone();
            tokio::spawn(async move { worker.run(stop).await })
        });
        let workers: Vec<_> = workers.collect();
        // Without workers there is nothing to wake.
        let listening = (!workers.is_empty()).then(|| database.wake_on_jobs(&signals.wake));
        let lookout = (!workers.is_empty()).then(|| {
            let lookout = Lookout::new(
                database.jobs(),
                health.clone(),
                sources.clone(),
                flags.device.into(),
                Arc::clone(&signals.wake),
            );
            let stop = signals.stop.clone();
            tokio::spawn(async move { lookout.run(stop).await })
        });
        Ok(Self {
            workers,
            noting,
            purging,
            listening: listening.flatten(),
            lookout,
        })
    }

    /// Waits until the workers have stopped. Their running jobs are requeued.
    pub(super) async fn stopped(self) -> Result<(), Exit> {
        let tasks = [
            self.noting,
            Some(self.purging),
            self.listening,
            self.lookout,
        ];
        for task in tasks.into_iter().flatten() {
            task.abort();
        }
        for worker in self.workers {
            worker
                .await
                .map_err(|error| Exit::Broken(error.to_string()))?;
        }
        Ok(())
    }
}

/// Notes again and again that this process runs workers.
async fn note(jobs: Arc<dyn JobStore>, crew: queue::Crew) {
    loop {
        if let Err(error) = jobs.note_crew(&crew).await {
            tracing::warn!(%error, "could not note the workers of this process; retrying");
        }
        tokio::time::sleep(NOTE_INTERVAL).await;
    }
}
