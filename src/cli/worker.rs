//! `optin worker`: workers alone, over the database and the bucket that they share with the service.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;

use super::crew::{Crew, Signals};
use super::exit::Exit;
use super::service::interrupted;
use super::stores::{Database, open_artifacts};
use crate::api::{Connections, serve, worker_face};
use crate::artifact::health::Health;
use crate::config::storage::StorageFlags;
use crate::config::telemetry::TelemetryFlags;
use crate::config::worker::WorkerFlags;
use crate::telemetry::{metric, tracing};

/// Who looks at a worker's face: a scraper, a probe, a person.
const OBSERVERS: Connections = Connections {
    most: 64,
    head: Duration::from_secs(15),
};

/// Flags of `optin worker`.
#[derive(Args)]
pub(super) struct WorkerCommand {
    /// Address for /livez, /readyz and /metrics, which ask for no key: loopback, or a network of your own [default: none]
    #[arg(long, env = "OPTIN_WORKER_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    storage: StorageFlags,
    #[command(flatten)]
    worker: WorkerFlags,
    #[command(flatten)]
    telemetry: TelemetryFlags,
}

/// Works until it is told to stop.
pub(super) fn run(command: &WorkerCommand) -> Result<(), Exit> {
    tracing::start(&command.telemetry.log, command.telemetry.log_format.into())
        .map_err(Exit::Usage)?;
    super::runtime()?.block_on(work(command))
}

async fn work(command: &WorkerCommand) -> Result<(), Exit> {
    let (storage, flags) = (&command.storage, &command.worker);
    if flags.workers == 0 {
        return Err(Exit::Usage(
            "a process without workers does nothing; give --workers 1 or more".to_owned(),
        ));
    }
    std::fs::create_dir_all(&storage.data_dir)?;
    let database = Database::open(
        storage,
        "workers beside a service need a database server: --database-url postgres://..",
    );
    let database = database.await?;
    let artifacts = open_artifacts(storage).await?;
    let metrics = metric::start().map_err(|error| Exit::Broken(error.to_string()))?;
    let sources = flags.sources(storage, &artifacts).map_err(Exit::Usage)?;
    let (health, signals) = (Health::new(artifacts), Signals::default());
    let crew = Crew::start(&database, &health, &sources, storage, flags, &signals)?;
    if let Some(address) = command.listen {
        let listener = TcpListener::bind(address).await;
        let listener = listener
            .map_err(|error| Exit::Broken(format!("cannot listen on {address}: {error}")))?;
        let url = format!("http://{}", listener.local_addr()?);
        let face = worker_face(database.jobs(), health, signals.pulses.clone(), metrics);
        tokio::spawn(serve(listener, face, OBSERVERS, signals.stop.clone()));
        ::tracing::info!(%url, "listening");
    }
    interrupted().await?;
    ::tracing::info!("stopping; jobs that are held go back to the queue");
    signals.stop.cancel();
    crew.stopped().await
}
