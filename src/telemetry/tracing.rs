//! Where log lines go, and in which form.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Writes log lines to standard error from now on. `filter` is a list of levels by target, as
/// `info,optin::worker=debug`.
///
/// # Errors
/// When the filter cannot be read, or logging was set up before.
pub fn start(filter: &str, format: Format) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| format!("the log filter \"{filter}\" cannot be read: {error}"))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        // A reader of the log that went away must not end the service: telling of it on the same stream would.
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
    started.map_err(|error| format!("logging cannot be set up: {error}"))
}
