//! The `optin` binary. It configures the process and calls [`optin::cli::main`].

use std::process::ExitCode;

/// The global allocator. Tensors of tens of megabytes are allocated and freed all the time, and the system's
/// allocator returns the memory of each to the kernel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fix_numbers_of_threads();
    optin::cli::main()
}

/// Sets the numbers of threads of candle and rayon, unless the environment does.
///
/// - Elementwise operations use one thread. By default candle splits each of them over a pool of spinning threads. The core
///   keeps every CPU busy with parallel forwards, and the pool would only compete with them for CPU time.
/// - Matrix products may use all CPUs. By default candle reads their number from `/proc/cpuinfo` before each product, which
///   takes longer than a small product.
fn fix_numbers_of_threads() {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    for (variable, threads) in [("CANDLE_NUM_THREADS", 1), ("RAYON_NUM_THREADS", cpus)] {
        if std::env::var_os(variable).is_none() {
            #[expect(
                unsafe_code,
                reason = "no other thread runs that could read the environment at the same time"
            )]
            // SAFETY: this is the first statement of the process, which still has only one thread.
            unsafe {
                std::env::set_var(variable, threads.to_string());
            }
        }
    }
}
