//! Sets up logging.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts to write log lines to standard error. `filter` is a list of levels by target, for example
/// `info,optin::worker=debug`.
///
/// # Errors
/// Returns an error if the filter is invalid, or if logging is already set up.
pub fn start(filter: &str, format: Format) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| format!("invalid log filter \"{filter}\": {error}"))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        // If the reader of the log is gone, reporting that on the same stream would end the service.
        .log_internal_errors(false);
    // On a terminal, lines are colored unless `NO_COLOR` is set.
    let lines = match std::io::stderr().is_terminal() {
        true => lines,
        false => lines.with_ansi(false),
    };
    let started = match format {
        Format::Text => lines.try_init(),
        Format::Json => lines.json().try_init(),
    };
    started.map_err(|error| format!("could not set up logging: {error}"))
}
