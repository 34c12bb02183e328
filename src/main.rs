//! The `optin` binary: parse, match, call.

use std::process::ExitCode;

/// Tensors come and go by the tens of megabytes; the system's allocator returns each to the kernel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    optin::cli::main()
}
