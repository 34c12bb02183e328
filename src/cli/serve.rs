//! `optin serve`: runs the HTTP service until it receives a signal to stop.

use clap::Args;

use super::exit::Exit;
use super::service::{Service, interrupted};
use crate::config::limits::LimitFlags;
use crate::config::retention::RetentionFlags;
use crate::config::server::ServerFlags;
use crate::config::storage::StorageFlags;
use crate::config::telemetry::TelemetryFlags;
use crate::config::worker::WorkerFlags;
use crate::telemetry::tracing;

/// Flags of `optin serve`.
#[derive(Args)]
pub(super) struct ServeCommand {
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    storage: StorageFlags,
    #[command(flatten)]
    worker: WorkerFlags,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    retention: RetentionFlags,
    #[command(flatten)]
    telemetry: TelemetryFlags,
}

/// Runs the service.
pub(super) fn run(command: &ServeCommand) -> Result<(), Exit> {
    tracing::start(&command.telemetry.log, command.telemetry.log_format.into())
        .map_err(Exit::Usage)?;
    super::runtime()?.block_on(async {
        let service = Service::start(
            &command.server,
            &command.storage,
            &command.worker,
            &command.limits,
            &command.retention,
        )
        .await?;
        interrupted().await?;
        service.stop().await
    })
}
