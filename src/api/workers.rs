//! `GET /v1/workers`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::Problem;
use super::state::AppState;
use super::wire::time::rfc3339;
use crate::job::Device;
use crate::job::queue::{HeldLease, SeenCrew};

/// The processes that run workers, and the queue.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkerList {
    /// Type of this object: `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The processes that were seen in the last minute.
    data: Vec<WorkerProcess>,
    /// The leases of the tenant's running jobs, oldest job first.
    leases: Vec<LeaseBody>,
    /// The queue of the whole service.
    queue: QueueBody,
}

/// A process that runs workers.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkerProcess {
    /// Name of the process.
    name: String,
    /// Device that its workers run jobs on.
    device: Device,
    /// Number of its workers. Each runs one job at a time.
    #[schema(minimum = 1)]
    workers: i64,
    /// Time when the process last reported that it runs.
    #[schema(format = DateTime)]
    seen_at: String,
}

/// The lease of a running job. A worker renews it while it runs the job.
#[derive(Serialize, ToSchema)]
#[schema(as = Lease)]
pub(crate) struct LeaseBody {
    /// Id of the job.
    job: String,
    /// Name of the worker that runs the job.
    worker: String,
    /// Time when the lease ends if the worker does not renew it. Another worker can then claim the job.
    #[schema(format = DateTime)]
    until: String,
}

/// The size of the queue.
#[derive(Serialize, ToSchema)]
#[schema(as = Queue)]
pub(crate) struct QueueBody {
    /// Number of queued jobs.
    #[schema(minimum = 0)]
    queued: i64,
    /// Number of running jobs.
    #[schema(minimum = 0)]
    running: i64,
    /// Age of the oldest queued job in milliseconds. 0 if no job is queued.
    #[schema(minimum = 0)]
    oldest_queued_ms: i64,
}

impl From<SeenCrew> for WorkerProcess {
    fn from(seen: SeenCrew) -> Self {
        Self {
            name: seen.crew.name,
            device: seen.crew.device,
            workers: seen.crew.workers,
            seen_at: rfc3339(seen.seen_at),
        }
    }
}

impl From<HeldLease> for LeaseBody {
    fn from(held: HeldLease) -> Self {
        Self {
            job: held.job.to_string(),
            worker: held.worker,
            until: rfc3339(held.until),
        }
    }
}

/// Returns the processes that run workers, and the queue.
///
/// The processes and the queue are those of the whole service. The leases are those of the caller's tenant.
#[utoipa::path(
    get, path = "/v1/workers", tag = "service", operation_id = "listWorkers",
    security(("api_key" = ["admin"])),
    responses((status = 200, description = "The workers and the queue", body = WorkerList))
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<WorkerList>, Problem> {
    let (crews, leases) = state.jobs.at_work(&caller.scope()).await?;
    let depth = state.jobs.depth().await?;
    Ok(Json(WorkerList {
        object: "list",
        data: crews.into_iter().map(Into::into).collect(),
        leases: leases.into_iter().map(Into::into).collect(),
        queue: QueueBody {
            queued: depth.queued,
            running: depth.running,
            oldest_queued_ms: depth.oldest_queued_ms,
        },
    }))
}
