//! Where the service listens and how callers reach it.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

use super::device::DeviceFlag;
use super::worker::WorkerFlags;
use crate::job::Device;
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
    #[arg(long, env = "OPTIN_ALLOW_PRIVATE_WEBHOOKS")]
    pub allow_private_webhooks: bool,
    /// Whether callers must show an API key [default: off on loopback, else required]
    #[arg(long, env = "OPTIN_KEYS", value_enum)]
    pub keys: Option<KeysFlag>,
    /// Devices of workers elsewhere, for which jobs are accepted, too [default: those of this process's workers; cpu where it has none]
    #[arg(
        long = "remote-devices",
        env = "OPTIN_REMOTE_DEVICES",
        value_enum,
        value_delimiter = ','
    )]
    pub remote_devices: Vec<DeviceFlag>,
}

/// Whether callers must show an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeysFlag {
    /// Every call shows a key; `optin keys create` makes the first one.
    Required,
    /// Nobody does: for this machine alone, and refused beyond loopback.
    Off,
    /// Nobody does here: a proxy in front of this service authenticates.
    Proxied,
}

impl ServerFlags {
    /// Where webhooks may lead.
    #[must_use]
    pub fn webhook_policy(&self) -> Policy {
        Policy {
            private: self.allow_private_webhooks,
        }
    }

    /// What jobs can run on, beside these workers or by them.
    #[must_use]
    pub fn devices(&self, workers: &WorkerFlags) -> Vec<Device> {
        let own = (workers.workers > 0 || self.remote_devices.is_empty()).then_some(workers.device);
        let all = own.into_iter().chain(self.remote_devices.iter().copied());
        let mut devices: Vec<Device> = Vec::new();
        for device in all.map(Device::from) {
            if !devices.contains(&device) {
                devices.push(device);
            }
        }
        devices
    }

    /// Whether callers must show a key; refuses to serve strangers by accident.
    ///
    /// # Errors
    /// A sentence with the remedy.
    pub fn keys_required(&self) -> Result<bool, String> {
        let loopback = self.listen.ip().is_loopback();
        match self.keys {
            Some(KeysFlag::Off) if !loopback => Err(format!(
                "{} can be reached by other machines; ask for keys with --keys required, listen on 127.0.0.1, or put a \
                 proxy that authenticates in front and give --keys proxied",
                self.listen
            )),
            Some(KeysFlag::Required) => Ok(true),
            Some(KeysFlag::Off | KeysFlag::Proxied) => Ok(false),
            None => Ok(!loopback),
        }
    }
}
