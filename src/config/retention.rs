//! Retention periods of ended jobs, their files, uploads and the audit log.

use std::time::Duration;

use clap::Args;

use crate::api::parse_ms;
use crate::job::retention::Retention;

/// Default retention period of uploads, in milliseconds.
const UPLOAD_RETENTION_MS: i64 = 30 * 24 * 3_600_000;

/// Flags for retention periods.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Retention")]
pub struct RetentionFlags {
    /// Retention period of ended jobs, such as 90d (units: s, m, h, d) [default: unlimited]
    #[arg(long, env = "OPTIN_RETAIN_JOBS", value_name = "DURATION", value_parser = parse_ms)]
    pub retain_jobs: Option<i64>,
    /// Retention period of result files, such as 30d; they never outlive their job [default: unlimited]
    #[arg(long, env = "OPTIN_RETAIN_ARTIFACTS", value_name = "DURATION", value_parser = parse_ms)]
    pub retain_artifacts: Option<i64>,
    /// Retention period of uploads [default: 30d]
    #[arg(long, env = "OPTIN_RETAIN_UPLOADS", value_name = "DURATION", value_parser = parse_ms)]
    pub retain_uploads: Option<i64>,
    /// Retention period of audit log entries
    #[arg(long, env = "OPTIN_RETAIN_AUDIT", value_name = "DURATION", value_parser = parse_ms, default_value = "365d")]
    pub retain_audit: Option<i64>,
}

impl RetentionFlags {
    /// Returns the retention period of uploads.
    #[must_use]
    pub fn uploads(&self) -> Duration {
        let kept = self.retain_uploads.unwrap_or(UPLOAD_RETENTION_MS);
        Duration::from_millis(kept.unsigned_abs())
    }

    /// Returns the retention periods of jobs, result files and audit log entries.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention {
            jobs_ms: self.retain_jobs,
            artifacts_ms: self.retain_artifacts,
            audit_ms: self.retain_audit,
        }
    }
}
