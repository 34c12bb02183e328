//! `optin worker`: runs workers without the HTTP API. They share a database and a bucket with the service.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::crew::{Crew, Signals};
use super::exit::Exit;
use super::runtime::runtime;
use super::service::interrupted;
use super::stores::{Database, open_artifacts};
use crate::api::{Connections, bind, serve, worker_routes};
use crate::artifact::health::Health;
use crate::artifact::progress::Patience;
use crate::config::source::SourceFlags;
use crate::config::storage::StorageFlags;
use crate::config::telemetry::TelemetryFlags;
use crate::config::worker::{self, WorkerFlags};
use crate::telemetry::{metric, tracing};

/// Connection limits of a worker's health and metrics endpoints.
const OBSERVERS: Connections = Connections {
    most: 64,
    most_per_address: 64,
    head: Duration::from_secs(15),
    patience: Patience::DEFAULT,
};

/// Shown at the end of the help.
const EXAMPLES: &str = "\
Examples:
  Start a worker that shares a database and a bucket with its service:
    export DATABASE_URL=postgres://optin:SECRET@database.example.com/optin
    export OPTIN_STORAGE_URL=s3://optin AWS_ACCESS_KEY_ID=ID AWS_SECRET_ACCESS_KEY=SECRET
    optin worker --source-root /srv";

/// Flags of `optin worker`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct WorkerCommand {
    /// Address and port for /livez, /readyz and /metrics [default: none]
    ///
    /// These endpoints need no API key. Listen on loopback or in a private network.
    #[arg(long, env = "OPTIN_WORKER_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    storage: StorageFlags,
    #[command(flatten)]
    source: SourceFlags,
    /// Number of workers in this process (1 to 64); each runs one job at a time and uses all cores
    #[arg(long, env = "OPTIN_WORKERS", value_name = "COUNT", help_heading = worker::HEADING, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    #[command(flatten)]
    worker: WorkerFlags,
    #[command(flatten)]
    telemetry: TelemetryFlags,
}

/// Runs the workers until the process receives a signal to stop.
pub(super) fn run(command: &WorkerCommand) -> Result<(), Exit> {
    tracing::start(&command.telemetry.log, command.telemetry.log_format.into())
        .map_err(Exit::Usage)?;
    runtime()?.block_on(work(command))
}

async fn work(command: &WorkerCommand) -> Result<(), Exit> {
    let (storage, crew) = (&command.storage, (command.workers, &command.worker));
    storage.create_data_dir()?;
    let database = Database::open(
        &storage.database,
        "to run workers in other processes than the service, use PostgreSQL (--database-url postgres://user:password@host/database)",
    );
    let database = database.await?;
    let artifacts = open_artifacts(storage).await?;
    let metrics = metric::start().map_err(|error| Exit::Broken(error.to_string()))?;
    let sources = command
        .source
        .open(storage, &artifacts)
        .map_err(Exit::Usage)?;
    let (health, signals) = (Health::new(artifacts), Signals::default());
    let crew = Crew::start(&database, &health, &sources, storage, crew, &signals)?;
    if let Some(address) = command.listen {
        let listener = bind(address)
            .map_err(|error| Exit::Broken(format!("could not listen on {address}: {error}")))?;
        let url = format!("http://{}", listener.local_addr()?);
        let face = worker_routes(database.jobs(), health, signals.pulses.clone(), metrics);
        tokio::spawn(serve(listener, face, OBSERVERS, signals.stop.clone()));
        ::tracing::info!(%url, "listening");
    }
    interrupted().await?;
    ::tracing::info!("stopping; running jobs are requeued");
    signals.stop.cancel();
    crew.stopped().await
}
