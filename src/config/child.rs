//! The environment of child processes.

use std::ffi::{OsStr, OsString};

/// Variables that a child process needs: the numbers of threads, the allocator, the dynamic linker and CUDA. The others may hold
/// secrets, such as the URL of the database.
const PREFIXES: [&str; 9] = [
    "CANDLE_",
    "CUDA_",
    "LD_LIBRARY_PATH",
    "MIMALLOC_",
    "NVIDIA_",
    "PATH",
    "RAYON_",
    "RUST_BACKTRACE",
    "TMPDIR",
];

/// Returns the variables of this process that its child processes get.
#[must_use]
pub fn environment() -> Vec<(OsString, OsString)> {
    let passes = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        let mut prefixes = PREFIXES.iter();
        prefixes.any(|prefix| name.starts_with(prefix.as_bytes()))
    };
    std::env::vars_os()
        .filter(|(name, _)| passes(name))
        .collect()
}
