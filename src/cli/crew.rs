//! The workers of one process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::device;
use super::exit::Exit;
use super::stores::Database;
use crate::artifact::health::Health;
use crate::config::storage::StorageFlags;
use crate::config::worker::WorkerFlags;
use crate::telemetry::pulse::Pulses;
use crate::worker::lookout::Lookout;
use crate::worker::pruner::{Core, Pruner};
use crate::worker::scratch::Scratch;
use crate::worker::source::Sources;
use crate::worker::{Options, Worker, longest_quiet};

/// A cancel request is heard at the next beat, well within five seconds.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The queue is looked at so often when nobody says that a job came in.
const POLL: Duration = Duration::from_secs(1);
/// No claim for so long after the database did not answer.
const AFTER_OUTAGE: Duration = Duration::from_secs(3);

/// What a process's parts tell each other.
#[derive(Default)]
pub(super) struct Signals {
    /// A job came in.
    pub(super) wake: Arc<Notify>,
    /// Who lives.
    pub(super) pulses: Pulses,
    /// It is time to stop.
    pub(super) stop: CancellationToken,
}

/// Workers that run.
pub(super) struct Crew {
    workers: Vec<JoinHandle<()>>,
    listening: Option<JoinHandle<()>>,
    lookout: Option<JoinHandle<()>>,
}

impl Crew {
    /// Starts them. They stop with `stop`.
    pub(super) fn start(
        database: &Database,
        health: &Health,
        sources: &Sources,
        storage: &StorageFlags,
        flags: &WorkerFlags,
        signals: &Signals,
    ) -> Result<Self, Exit> {
        let scratch = Arc::new(Scratch::open(&storage.work_dir())?);
        let pruner: Arc<dyn Pruner> = Arc::new(Core(device::open(flags.device)?));
        let machine = rustix::system::uname();
        let machine = machine.nodename().to_string_lossy();
        // Machines may have one name, and processes in containers one number.
        let process = Uuid::new_v4().simple().to_string();
        let workers = (0..flags.workers).map(|index| {
            let name = format!("{machine}-{}-{index}", &process[..8]);
            let most = longest_quiet(flags.lease());
            let options = Options {
                pulse: signals.pulses.watch(format!("worker {name}"), most),
                name,
                device: flags.device.into(),
                quota: flags.quota(),
                lease: flags.lease(),
                heartbeat: HEARTBEAT,
                poll: POLL,
                after_outage: AFTER_OUTAGE,
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
        // Without workers there is nobody to wake.
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
            listening: listening.flatten(),
            lookout,
        })
    }

    /// Waits until they have stopped: jobs that they held go back to the queue.
    pub(super) async fn stopped(self) -> Result<(), Exit> {
        for helper in self.listening.into_iter().chain(self.lookout) {
            helper.abort();
        }
        for worker in self.workers {
            worker
                .await
                .map_err(|error| Exit::Broken(error.to_string()))?;
        }
        Ok(())
    }
}
