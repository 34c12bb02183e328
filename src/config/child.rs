//! The program of child processes, and its environment.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::worker::child::Program;

/// This program on Linux. An upgrade may replace the file on disk, and a child of another version would not understand its parent.
const OWN: &str = "/proc/self/exe";

/// Variables that a child process needs: the numbers of threads, the allocator, the dynamic linker and CUDA. The others may hold
/// secrets, such as the URL of the database.
const PREFIXES: &[&str] = &[
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

/// Returns this program, with an environment without secrets.
///
/// # Errors
/// Returns an error if the system does not tell the path of this program.
pub fn program() -> std::io::Result<Program> {
    let passes = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        let mut prefixes = PREFIXES.iter();
        prefixes.any(|prefix| name.starts_with(prefix.as_bytes()))
    };
    let variables = std::env::vars_os().filter(|(name, _)| passes(name));
    Ok(Program {
        path: match Path::new(OWN).exists() {
            true => OWN.into(),
            false => std::env::current_exe()?,
        },
        environment: variables.collect::<Vec<(OsString, OsString)>>(),
    })
}
