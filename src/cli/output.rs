//! Standard output and standard error.

use std::io::Write;

use serde::Serialize;

use super::exit::Exit;

/// One JSON object, and nothing else, on standard output.
pub(super) fn print_json(document: &impl Serialize) -> Result<(), Exit> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Exit::Broken(format!("the answer is no JSON: {error}")))?;
    print(&text)
}

/// A text on standard output. A reader that went away (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), Exit> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A remark on standard error.
pub(super) fn remark(text: &str) {
    // With nobody to hear it there is nothing to do about it.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The reason for an end without success, on standard error.
pub(super) fn complain(text: &str) {
    remark(&format!("error: {text}"));
}
