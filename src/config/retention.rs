//! Retention periods of ended jobs, their files, uploads, the stage cache and the audit log.

use std::time::Duration;

use clap::Args;

use super::duration::duration;
use crate::api::parse_ms;
use crate::job::retention::Retention;

/// Flags for retention periods.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Retention")]
pub struct RetentionFlags {
    /// Retention period of ended jobs, such as 12h or 90d (units: s, m, h, d) [default: unlimited]
    #[arg(long, env = "OPTIN_RETAIN_JOBS", value_name = "DURATION", value_parser = parse_ms)]
    pub retain_jobs: Option<i64>,
    /// Retention period of artifacts (result files), at most that of their job [default: that of their job]
    #[arg(long, env = "OPTIN_RETAIN_ARTIFACTS", value_name = "DURATION", value_parser = parse_ms)]
    pub retain_artifacts: Option<i64>,
    /// Retention period of uploads
    #[arg(long, env = "OPTIN_RETAIN_UPLOADS", value_name = "DURATION", value_parser = duration, default_value = "30d")]
    pub retain_uploads: Duration,
    /// Retention period of the stage cache
    ///
    /// The stage cache holds the results of completed stages. Interrupted jobs resume from it, and
    /// later jobs of the same tenant with the same inputs reuse it.
    #[arg(long, verbatim_doc_comment, env = "OPTIN_RETAIN_STAGE_CACHE", value_name = "DURATION", value_parser = duration, default_value = "7d")]
    pub retain_stage_cache: Duration,
    /// Retention period of the audit log, which lists the API calls
    #[arg(long, env = "OPTIN_RETAIN_AUDIT", value_name = "DURATION", value_parser = parse_ms, default_value = "365d")]
    pub retain_audit: i64,
}

impl Default for RetentionFlags {
    /// Returns the defaults of the command line.
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Bare {
            #[command(flatten)]
            retention: RetentionFlags,
        }
        <Bare as clap::Parser>::parse_from(["optin"]).retention
    }
}

impl RetentionFlags {
    /// Returns the retention periods of jobs, artifacts and audit log entries.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention {
            jobs_ms: self.retain_jobs,
            artifacts_ms: self.retain_artifacts,
            audit_ms: Some(self.retain_audit),
        }
    }
}
