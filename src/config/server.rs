//! The HTTP server: its addresses, API key policy, webhook policy and devices.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::device::DeviceFlag;
use crate::api::AddressSource;
use crate::job::Device;
use crate::job::webhook::address::Policy;

/// Flags for the HTTP server.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server options")]
pub struct ServerFlags {
    /// Address and port to listen on
    #[arg(
        long,
        env = "OPTIN_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: SocketAddr,
    /// URL of this service for clients, used in signed URLs [default: http://ADDRESS of --listen]
    #[arg(long, env = "OPTIN_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Allow webhooks to private addresses and over plain HTTP; only for closed networks, never on the internet
    #[arg(long, env = "OPTIN_ALLOW_PRIVATE_WEBHOOKS")]
    pub allow_private_webhooks: bool,
    /// File with the key that encrypts webhook secrets and dashboard sessions [default: DATA_DIR/secrets.key]
    ///
    /// 32 random bytes. The file is created if it does not exist. Keep a copy with the backups of the
    /// database. Services that share a database need the same key.
    #[arg(
        long,
        verbatim_doc_comment,
        env = "OPTIN_SECRETS_KEY",
        value_name = "FILE"
    )]
    pub secrets_key: Option<PathBuf>,
    /// API key policy [default: off if --listen is a loopback address, otherwise required]
    #[arg(long, env = "OPTIN_KEYS", value_enum, value_name = "POLICY")]
    pub keys: Option<KeysFlag>,
    /// Source of the client address, for rate limits [default: x-forwarded-for with --keys proxied, otherwise connection]
    ///
    /// Use a header only if a proxy in front of this service sets it. Otherwise, clients can forge their
    /// address.
    #[arg(
        long,
        verbatim_doc_comment,
        env = "OPTIN_CLIENT_ADDRESS",
        value_enum,
        value_name = "SOURCE"
    )]
    pub client_address: Option<AddressFlag>,
    /// Devices of workers in other processes, separated by commas
    ///
    /// The service accepts jobs for these devices and for the device of its own workers. If it has
    /// no workers (--workers 0) and this flag is not set, it accepts jobs for --device.
    #[arg(
        verbatim_doc_comment,
        long = "remote-devices",
        env = "OPTIN_REMOTE_DEVICES",
        value_enum,
        value_name = "DEVICE",
        value_delimiter = ','
    )]
    pub remote_devices: Vec<DeviceFlag>,
}

/// API key policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeysFlag {
    /// Clients must send an API key; `optin keys create` creates the first one
    Required,
    /// Clients need no API key; allowed only if --listen is a loopback address
    Off,
    /// Clients need no API key here; a proxy in front of this service authenticates them
    Proxied,
}

/// Source of the client address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AddressFlag {
    /// The address of the connection
    Connection,
    /// The last address in the header X-Forwarded-For
    XForwardedFor,
    /// The header X-Real-IP
    XRealIp,
    /// The header True-Client-IP
    TrueClientIp,
    /// The header CF-Connecting-IP
    CfConnectingIp,
}

impl From<AddressFlag> for AddressSource {
    fn from(flag: AddressFlag) -> Self {
        match flag {
            AddressFlag::Connection => Self::Connection,
            AddressFlag::XForwardedFor => Self::XForwardedFor,
            AddressFlag::XRealIp => Self::XRealIp,
            AddressFlag::TrueClientIp => Self::TrueClientIp,
            AddressFlag::CfConnectingIp => Self::CfConnectingIp,
        }
    }
}

impl ServerFlags {
    /// Returns the source of the client address. With `--keys proxied`, a proxy is in front, which forwards addresses.
    #[must_use]
    pub fn client_address(&self) -> AddressSource {
        match self.client_address {
            Some(flag) => flag.into(),
            None if self.keys == Some(KeysFlag::Proxied) => AddressSource::XForwardedFor,
            None => AddressSource::Connection,
        }
    }

    /// Returns the path of the key that encrypts the webhook secrets and the sessions of the dashboard.
    #[must_use]
    pub fn secrets_key(&self, data_dir: &Path) -> PathBuf {
        let key = self.secrets_key.clone();
        key.unwrap_or_else(|| data_dir.join("secrets.key"))
    }

    /// Returns which addresses webhooks may use.
    #[must_use]
    pub fn webhook_policy(&self) -> Policy {
        Policy {
            private: self.allow_private_webhooks,
        }
    }

    /// Returns the devices for which jobs are accepted, without duplicates.
    ///
    /// They are the device of this process's workers and the devices of `--remote-devices`. Without
    /// workers, the device of this process counts only if `--remote-devices` is empty.
    #[must_use]
    pub fn devices(&self, workers: u16, device: DeviceFlag) -> Vec<Device> {
        let own = (workers > 0 || self.remote_devices.is_empty()).then_some(device);
        let all = own.into_iter().chain(self.remote_devices.iter().copied());
        let mut devices: Vec<Device> = Vec::new();
        for device in all.map(Device::from) {
            if !devices.contains(&device) {
                devices.push(device);
            }
        }
        devices
    }

    /// Returns whether clients must send an API key.
    ///
    /// # Errors
    /// Returns a message with the remedy if `--keys off` would let other machines call the service.
    pub fn keys_required(&self) -> Result<bool, String> {
        let loopback = self.listen.ip().is_loopback();
        match self.keys {
            Some(KeysFlag::Off) if !loopback => Err(format!(
                "--keys off is not allowed: other machines can connect to {}; use --keys required, listen on \
                 127.0.0.1, or put an authenticating proxy in front and use --keys proxied",
                self.listen
            )),
            Some(KeysFlag::Required) => Ok(true),
            Some(KeysFlag::Off | KeysFlag::Proxied) => Ok(false),
            None => Ok(!loopback),
        }
    }
}
