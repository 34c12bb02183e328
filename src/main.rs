//! The `optin` binary. It configures the process and calls [`optin::cli::main`].

use std::process::ExitCode;

/// The global allocator. Tensors of tens of megabytes are allocated and freed all the time, and the system's
/// allocator returns the memory of each to the kernel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    one_elementwise_thread();
    optin::cli::main()
}

/// Limits candle's pool for elementwise operations to one thread, unless `CANDLE_NUM_THREADS` is set.
///
/// By default candle splits each elementwise operation over a pool of spinning threads. The core keeps
/// every CPU busy with parallel forwards, and the pool would only compete with them for CPU time.
fn one_elementwise_thread() {
    const VARIABLE: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(VARIABLE).is_none() {
        #[expect(
            unsafe_code,
            reason = "no other thread runs that could read the environment at the same time"
        )]
        // SAFETY: this is the first statement of the process, which still has only one thread.
        unsafe {
            std::env::set_var(VARIABLE, "1");
        }
    }
}
