//! Every metric: its name, its unit and what it counts.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// Always 1; its labels tell the version, and whether the build has CUDA.
pub const BUILD_INFO: &str = "optin_build_info";
/// HTTP requests by method, route and status.
pub const HTTP_REQUESTS: &str = "optin_http_requests_total";
/// Time to answer an HTTP request, by method and route.
pub const HTTP_SECONDS: &str = "optin_http_request_duration_seconds";
/// Jobs that wait for a worker.
pub const JOBS_QUEUED: &str = "optin_jobs_queued";
/// Jobs that a worker holds.
pub const JOBS_RUNNING: &str = "optin_jobs_running";
/// Age of the oldest job that waits.
pub const OLDEST_QUEUED_SECONDS: &str = "optin_jobs_oldest_queued_seconds";
/// Jobs that workers of this process claimed.
pub const CLAIMS: &str = "optin_claims_total";
/// Leases that workers of this process lost: another worker has the job, or the database was away too long.
pub const LEASES_LOST: &str = "optin_leases_lost_total";
/// Calls of the artifact store that failed after its own retries.
pub const ARTIFACT_STORE_ERRORS: &str = "optin_artifact_store_errors_total";
/// Attempts that ended, by outcome.
pub const ATTEMPTS: &str = "optin_attempts_total";
/// Time of a stage, by stage.
pub const STAGE_SECONDS: &str = "optin_stage_duration_seconds";
/// Floating-point operations of the matrix products that a stage executed, by stage. Divided by the
/// sum of [`STAGE_SECONDS`] it is the speed that the machine reached.
pub const STAGE_FLOPS: &str = "optin_stage_flops_total";
/// Bytes stored for results.
pub const ARTIFACT_BYTES: &str = "optin_artifact_bytes_stored_total";

/// Tries to deliver to a webhook, by outcome.
pub const DELIVERIES: &str = "optin_webhook_deliveries_total";

/// Upper ends of the buckets of times, in seconds: from a request's to a stage's.
const BUCKETS: &[f64] = &[
    0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 300.0, 1_800.0, 7_200.0,
];

/// Collects metrics from now on. Later calls find the first one's collector in place and answer a handle
/// that renders nothing of it, so a process calls this once.
///
/// # Errors
/// When the buckets are refused, which is a fault of ours.
pub fn start() -> Result<PrometheusHandle, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
        let cuda = cfg!(feature = "cuda").to_string();
        metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION"), "cuda" => cuda)
            .set(1.0);
    }
    Ok(handle)
}

fn describe() {
    describe_gauge!(BUILD_INFO, Unit::Count, "Version of the build");
    describe_counter!(
        HTTP_REQUESTS,
        Unit::Count,
        "HTTP requests by method, route and status"
    );
    describe_histogram!(
        HTTP_SECONDS,
        Unit::Seconds,
        "Time to answer an HTTP request"
    );
    describe_gauge!(JOBS_QUEUED, Unit::Count, "Jobs that wait for a worker");
    describe_gauge!(JOBS_RUNNING, Unit::Count, "Jobs that a worker holds");
    describe_gauge!(
        OLDEST_QUEUED_SECONDS,
        Unit::Seconds,
        "Age of the oldest job that waits"
    );
    describe_counter!(
        CLAIMS,
        Unit::Count,
        "Jobs that workers of this process claimed"
    );
    describe_counter!(
        LEASES_LOST,
        Unit::Count,
        "Leases that workers of this process lost"
    );
    describe_counter!(
        ARTIFACT_STORE_ERRORS,
        Unit::Count,
        "Calls of the artifact store that failed after its own retries"
    );
    describe_counter!(ATTEMPTS, Unit::Count, "Attempts that ended, by outcome");
    describe_histogram!(STAGE_SECONDS, Unit::Seconds, "Time of a stage of the route");
    describe_counter!(
        STAGE_FLOPS,
        Unit::Count,
        "Floating-point operations of the matrix products of a stage"
    );
    describe_counter!(
        DELIVERIES,
        Unit::Count,
        "Tries to deliver to a webhook, by outcome"
    );
    describe_counter!(ARTIFACT_BYTES, Unit::Bytes, "Bytes stored for results");
}
