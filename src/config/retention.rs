//! How long what has ended is kept.

use clap::Args;

use crate::api::parse_ms;
use crate::job::retention::Retention;

/// Flags of the retention.
#[derive(Args, Clone, Debug, Default)]
pub struct RetentionFlags {
    /// Ended jobs are removed after so long, as 90d [default: never]
    #[arg(long, env = "OPTIN_RETAIN_JOBS", value_name = "DURATION", value_parser = parse_ms)]
    pub retain_jobs: Option<i64>,
    /// The files of results are removed after so long, as 30d; no later than their jobs [default: never]
    #[arg(long, env = "OPTIN_RETAIN_ARTIFACTS", value_name = "DURATION", value_parser = parse_ms)]
    pub retain_artifacts: Option<i64>,
    /// Entries of the audit log are removed after so long
    #[arg(long, env = "OPTIN_RETAIN_AUDIT", value_name = "DURATION", value_parser = parse_ms, default_value = "365d")]
    pub retain_audit: Option<i64>,
}

impl RetentionFlags {
    /// How long what has ended is kept.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention {
            jobs_ms: self.retain_jobs,
            artifacts_ms: self.retain_artifacts,
            audit_ms: self.retain_audit,
        }
    }
}
