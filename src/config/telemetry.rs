//! Logging: the filter and the format.

use clap::{Args, ValueEnum};

use crate::telemetry::tracing::Format;

/// Flags for logging.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logging")]
pub struct TelemetryFlags {
    /// Log filter: a level or levels by target, such as info,optin::worker=debug
    #[arg(long, env = "OPTIN_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// Format of log lines
    #[arg(long, env = "OPTIN_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = FormatFlag::Text)]
    pub log_format: FormatFlag,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatFlag {
    /// Human-readable text
    Text,
    /// One JSON object per line
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
