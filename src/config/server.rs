//! Where the service listens and how callers reach it.

use std::net::SocketAddr;

use clap::Args;

use crate::job::webhook::address::Policy;

/// Flags of the HTTP face.
#[derive(Args, Clone, Debug)]
pub struct ServerFlags {
    /// Address to listen on
    #[arg(
        long,
        env = "OPTIN_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: SocketAddr,
    /// Where callers reach this service, for download URLs [default: http://ADDRESS]
    #[arg(long, env = "OPTIN_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Let webhooks lead to private addresses and over plain HTTP: for a closed network, never for the internet
    #[arg(long, env = "OPTIN_WEBHOOKS_PRIVATE")]
    pub webhooks_private: bool,
    /// Listen on an address that other machines reach, though nobody has to show a key
    #[arg(long, env = "OPTIN_ALLOW_UNAUTHENTICATED")]
    pub allow_unauthenticated: bool,
}

impl ServerFlags {
    /// Where webhooks may lead.
    #[must_use]
    pub fn webhook_policy(&self) -> Policy {
        Policy {
            private: self.webhooks_private,
        }
    }

    /// Refuses to serve strangers by accident: this release knows no API keys.
    ///
    /// # Errors
    /// A sentence with the remedy.
    pub fn check(&self) -> Result<(), String> {
        match self.listen.ip().is_loopback() || self.allow_unauthenticated {
            true => Ok(()),
            false => Err(format!(
                "{} can be reached by other machines, and this release knows no API keys; listen on 127.0.0.1, or put a proxy that \
                 authenticates in front and give --allow-unauthenticated",
                self.listen
            )),
        }
    }
}
