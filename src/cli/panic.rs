//! What a person is told when the program itself is at fault.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo, UnwindSafe};

use super::exit::Exit;
use super::output;

/// Tells each panic in one sentence: in the log where there is one, else on standard error. `RUST_BACKTRACE=1`
/// adds where it came from.
pub(super) fn tell_in_one_sentence() {
    panic::set_hook(Box::new(|panicked| {
        let told = sentence(panicked);
        // Captured only where RUST_BACKTRACE asks for it.
        let backtrace = Backtrace::capture();
        let asked = backtrace.status() == BacktraceStatus::Captured;
        if tracing::dispatcher::has_been_set() {
            let backtrace = asked.then(|| backtrace.to_string());
            tracing::error!(backtrace, "{told}");
            return;
        }
        output::complain(&told);
        if asked {
            output::remark(&backtrace.to_string());
        }
    }));
}

/// Runs a command; a panic, which was told already, ends it as any failure does.
pub(super) fn caught(
    run: impl FnOnce() -> Result<(), Exit> + UnwindSafe,
) -> Option<Result<(), Exit>> {
    panic::catch_unwind(run).ok()
}

fn sentence(panicked: &PanicHookInfo<'_>) -> String {
    let what = panicked.payload_as_str().unwrap_or("no words");
    let place = panicked.location().map_or_else(String::new, |place| {
        format!(" at {}:{}", place.file(), place.line())
    });
    let what = what.lines().next().unwrap_or_default();
    format!("a fault of optin{place}: {what}; please report it with the command that led to it")
}
