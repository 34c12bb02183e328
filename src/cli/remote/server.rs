//! Flags for the connection to a service.

use clap::Args;

use super::super::client::Client;
use super::super::exit::Exit;

/// Flags for the connection to a service.
#[derive(Args)]
#[command(next_help_heading = "Connection options")]
pub(super) struct Server {
    /// URL of the service
    #[arg(
        long,
        env = "OPTIN_SERVER",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    server: String,
    /// API key, if the service requires one; prefer the environment variable, which other users cannot see
    #[arg(
        long,
        env = "OPTIN_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    api_key: Option<String>,
}

impl Server {
    /// Creates a client of the service.
    pub(super) fn client(&self) -> Result<Client, Exit> {
        Client::new(&self.server, self.api_key.as_deref())
    }
}
