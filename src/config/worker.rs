//! What runs jobs, and what it may read.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// Flags of the workers.
#[derive(Args, Clone, Debug)]
pub struct WorkerFlags {
    /// Workers in this process; each runs one job at a time on all cores
    #[arg(long, env = "OPTIN_WORKERS", value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub workers: u16,
    /// Folder from which file:// URIs may be read; give it once for each folder
    #[arg(
        long = "source-root",
        env = "OPTIN_SOURCE_ROOTS",
        value_name = "DIR",
        value_delimiter = ':'
    )]
    pub source_roots: Vec<PathBuf>,
    /// Days for which finished stages are kept for re-use
    #[arg(
        long,
        env = "OPTIN_JOURNAL_DAYS",
        value_name = "DAYS",
        default_value_t = 7
    )]
    pub journal_days: u32,
}

impl WorkerFlags {
    /// Finished stages are kept so long.
    #[must_use]
    pub fn journal_retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.journal_days) * 86_400)
    }
}
