//! What is logged, and how.

use clap::{Args, ValueEnum};

use crate::telemetry::tracing::Format;

/// Flags of the log.
#[derive(Args, Clone, Debug)]
pub struct TelemetryFlags {
    /// Levels by target, as info,optin::worker=debug
    #[arg(long, env = "OPTIN_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// Form of a log line
    #[arg(long, env = "OPTIN_LOG_FORMAT", value_enum, default_value_t = FormatFlag::Text)]
    pub log_format: FormatFlag,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatFlag {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<FormatFlag> for Format {
    fn from(flag: FormatFlag) -> Self {
        match flag {
            FormatFlag::Text => Self::Text,
            FormatFlag::Json => Self::Json,
        }
    }
}
