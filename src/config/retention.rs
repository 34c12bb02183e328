//! How long what has ended is kept.

use std::time::Duration;

use clap::Args;

use crate::api::parse_ms;
use crate::job::retention::Retention;

/// Uploads are kept so long where nothing else is said.
const UPLOADS_KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// Flags of the retention.
#[derive(Args, Clone, Debug, Default)]
pub struct RetentionFlags {
    /// Ended jobs are removed after so long, as 90d [default: never]
    #[arg(long, env = "OPTIN_RETAIN_JOBS", value_name = "DURATION", value_parser = parse_ms)]
    pub retain_jobs: Option<i64>,
    /// The files of results are removed after so long, as 30d; no later than their jobs [default: never]
    #[arg(long, env = "OPTIN_RETAIN_ARTIFACTS", value_name = "DURATION", value_parser = parse_ms)]
    pub retain_artifacts: Option<i64>,
    /// Uploads are removed after so long [default: 30d]
    #[arg(long, env = "OPTIN_RETAIN_UPLOADS", value_name = "DURATION", value_parser = parse_ms)]
    pub retain_uploads: Option<i64>,
    /// Entries of the audit log are removed after so long
    #[arg(long, env = "OPTIN_RETAIN_AUDIT", value_name = "DURATION", value_parser = parse_ms, default_value = "365d")]
    pub retain_audit: Option<i64>,
}

impl RetentionFlags {
    /// Uploads are kept so long.
    #[must_use]
    pub fn uploads(&self) -> Duration {
        let kept = self.retain_uploads.unwrap_or(UPLOADS_KEPT_MS);
        Duration::from_millis(kept.unsigned_abs())
    }

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
