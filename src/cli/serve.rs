//! `optin serve`: runs the HTTP service until it receives a signal to stop.

use clap::Args;

use super::exit::Exit;
use super::runtime::runtime;
use super::service::{Service, ServiceFlags, interrupted};
use crate::config::telemetry::TelemetryFlags;
use crate::telemetry::tracing;

/// Shown at the end of the help.
const EXAMPLES: &str = "\
Examples:
  Serve on this machine only, with models and data in /srv:
    optin serve --source-root /srv

  Serve other machines through a reverse proxy with TLS; clients need an API key:
    optin keys create --tenant research --name admin --scope admin
    optin serve --listen 0.0.0.0:8080 --public-url https://optin.example.com --source-root /srv";

/// Flags of `optin serve`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ServeCommand {
    #[command(flatten)]
    service: ServiceFlags,
    #[command(flatten)]
    telemetry: TelemetryFlags,
}

/// Runs the service.
pub(super) fn run(command: &ServeCommand) -> Result<(), Exit> {
    tracing::start(&command.telemetry.log, command.telemetry.log_format.into())
        .map_err(Exit::Usage)?;
    runtime()?.block_on(async {
        let service = Service::start(&command.service).await?;
        interrupted().await?;
        service.stop().await
    })
}
