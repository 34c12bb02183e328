//! All metrics, with their names, units and descriptions.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// Always 1. Its labels are the version, and whether the build has CUDA.
pub const BUILD_INFO: &str = "optin_build_info";
/// Number of HTTP requests, by method, route and status.
pub const HTTP_REQUESTS: &str = "optin_http_requests_total";
/// Duration of HTTP requests, by method and route.
pub const HTTP_SECONDS: &str = "optin_http_request_duration_seconds";
/// Number of HTTP connections that the service closed before their client did: `stalled` ones, which read too slowly, and
/// `crowded` ones, whose place another connection took.
pub const HTTP_CONNECTIONS_CLOSED: &str = "optin_http_connections_closed_total";
/// Number of queued jobs.
pub const JOBS_QUEUED: &str = "optin_jobs_queued";
/// Number of running jobs.
pub const JOBS_RUNNING: &str = "optin_jobs_running";
/// Age of the oldest queued job.
pub const OLDEST_QUEUED_SECONDS: &str = "optin_jobs_oldest_queued_seconds";
/// Number of jobs that workers of this process claimed.
pub const CLAIMS: &str = "optin_claims_total";
/// Number of leases that workers of this process lost: another worker claimed the job, or the job ended or was deleted.
pub const LEASES_LOST: &str = "optin_leases_lost_total";
/// Number of artifact store calls that failed after all retries.
pub const ARTIFACT_STORE_ERRORS: &str = "optin_artifact_store_errors_total";
/// Number of ended attempts, by outcome.
pub const ATTEMPTS: &str = "optin_attempts_total";
/// Duration of stages, by stage.
pub const STAGE_SECONDS: &str = "optin_stage_duration_seconds";
/// Number of floating-point operations in the matrix products of stages, by stage. Divided by the sum of
/// [`STAGE_SECONDS`], it is the speed that the machine reached.
pub const STAGE_FLOPS: &str = "optin_stage_flops_total";
/// Number of bytes stored for results.
pub const ARTIFACT_BYTES: &str = "optin_artifact_bytes_stored_total";

/// Number of tries to deliver to webhooks, by outcome.
pub const DELIVERIES: &str = "optin_webhook_deliveries_total";

/// Upper bounds of the histogram buckets in seconds, from the duration of a request to that of a stage.
const BUCKETS: &[f64] = &[
    0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 300.0, 1_800.0, 7_200.0,
];

/// Starts to collect metrics. Call it once per process: the handle of a later call renders no metrics, because the
/// collector of the first call stays in place.
///
/// # Errors
/// Returns an error if the buckets are invalid, which is a bug.
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
        "Number of HTTP requests by method, route and status"
    );
    describe_histogram!(HTTP_SECONDS, Unit::Seconds, "Duration of HTTP requests");
    describe_counter!(
        HTTP_CONNECTIONS_CLOSED,
        Unit::Count,
        "Number of HTTP connections that the service closed, by reason"
    );
    describe_gauge!(JOBS_QUEUED, Unit::Count, "Number of queued jobs");
    describe_gauge!(JOBS_RUNNING, Unit::Count, "Number of running jobs");
    describe_gauge!(
        OLDEST_QUEUED_SECONDS,
        Unit::Seconds,
        "Age of the oldest queued job"
    );
    describe_counter!(
        CLAIMS,
        Unit::Count,
        "Number of jobs that workers of this process claimed"
    );
    describe_counter!(
        LEASES_LOST,
        Unit::Count,
        "Number of leases that workers of this process lost"
    );
    describe_counter!(
        ARTIFACT_STORE_ERRORS,
        Unit::Count,
        "Number of artifact store calls that failed after all retries"
    );
    describe_counter!(
        ATTEMPTS,
        Unit::Count,
        "Number of ended attempts, by outcome"
    );
    describe_histogram!(STAGE_SECONDS, Unit::Seconds, "Duration of stages, by stage");
    describe_counter!(
        STAGE_FLOPS,
        Unit::Count,
        "Number of floating-point operations in the matrix products of stages"
    );
    describe_counter!(
        DELIVERIES,
        Unit::Count,
        "Number of tries to deliver to webhooks, by outcome"
    );
    describe_counter!(
        ARTIFACT_BYTES,
        Unit::Bytes,
        "Number of bytes stored for results"
    );
}
