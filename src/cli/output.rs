//! Writes to standard output and standard error.

use std::io::Write;

use serde::Serialize;

use super::exit::Exit;

/// Prints one JSON object, and nothing else, on standard output.
pub(super) fn print_json(document: &impl Serialize) -> Result<(), Exit> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Exit::Broken(format!("could not write the result as JSON: {error}")))?;
    print(&text)
}

/// Prints a text on standard output. A closed pipe (as by `| head`) is not an error.
pub(super) fn print(text: &str) -> Result<(), Exit> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a note on standard error.
pub(super) fn note(text: &str) {
    // If standard error is closed, there is no other place to report to.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints an error on standard error.
pub(super) fn error(text: &str) {
    note(&format!("error: {text}"));
}
