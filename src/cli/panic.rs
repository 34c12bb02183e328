//! Reports panics as internal errors, in one line.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo, UnwindSafe};

use super::exit::Exit;
use super::output;

/// Installs a panic hook that reports each panic in one line: in the log if logging is set up, otherwise on
/// standard error. `RUST_BACKTRACE=1` adds a backtrace.
pub(super) fn install_hook() {
    panic::set_hook(Box::new(|panicked| {
        let message = message(panicked);
        // Captured only if RUST_BACKTRACE requests it.
        let backtrace = Backtrace::capture();
        let captured = backtrace.status() == BacktraceStatus::Captured;
        if tracing::dispatcher::has_been_set() {
            let backtrace = captured.then(|| backtrace.to_string());
            tracing::error!(backtrace, "{message}");
            return;
        }
        output::error(&message);
        if captured {
            output::note(&backtrace.to_string());
        }
    }));
}

/// Runs a command. Returns `None` if it panics; the hook has then reported the panic.
pub(super) fn catch(
    run: impl FnOnce() -> Result<(), Exit> + UnwindSafe,
) -> Option<Result<(), Exit>> {
    panic::catch_unwind(run).ok()
}

fn message(panicked: &PanicHookInfo<'_>) -> String {
    let what = panicked.payload_as_str().unwrap_or("unknown panic");
    let place = panicked.location().map_or_else(String::new, |place| {
        format!(" at {}:{}", place.file(), place.line())
    });
    let what = what.lines().next().unwrap_or_default();
    format!(
        "internal error in optin{place}: {what}; please report it with the command that caused it"
    )
}
