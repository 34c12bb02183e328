//! The Tokio runtime of a command.

use super::exit::Exit;

/// Creates a runtime with one thread per core.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}
