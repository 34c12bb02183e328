//! The `optin` binary: parse, match, call.

use std::process::ExitCode;

/// Tensors come and go by the tens of megabytes; the system's allocator returns each to the kernel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    one_elementwise_thread();
    optin::cli::main()
}

/// Candle splits each elementwise operation over a pool of spinning threads. The core keeps every
/// CPU busy with whole forwards side by side, where such a pool only takes turns away.
fn one_elementwise_thread() {
    const VARIABLE: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(VARIABLE).is_none() {
        #[expect(
            unsafe_code,
            reason = "nothing else runs yet that could read the environment meanwhile"
        )]
        // SAFETY: this is the first statement of the process, which has one thread.
        unsafe {
            std::env::set_var(VARIABLE, "1");
        }
    }
}
