//! Fault injection: each database transaction and each HTTP request of a job fails once, in each way that a connection
//! can fail.
//!
//! An injection point is a commit of the database, or a request to the bucket or the hub. The injection points are not
//! listed in advance. The first job runs with a fault at the first injection point, the second job with a fault at the
//! second, and so on, until a job ends without reaching its injection point.

mod environment;

use std::time::Duration;
use tokio::task::JoinSet;

use crate::fixture::proxy::Fault;
use environment::{Dependency, Environment, PARTS_BYTES};

/// Runs one job for each injection point of a dependency, and returns the number of injection points.
async fn each_point(dependency: Dependency, fault: Fault) -> usize {
    let environment = match dependency {
        Dependency::Bucket => Environment::new(PARTS_BYTES).await,
        Dependency::Database | Dependency::Hub => Environment::new(10).await,
    };
    for nth in 0.. {
        environment.proxy(dependency).arm(nth, fault);
        environment.run_job().await;
        if !environment.proxy(dependency).has_injected() {
            return nth;
        }
    }
    unreachable!("a job has a finite number of injection points")
}

/// Injects each of these faults at each injection point of a dependency.
///
/// Each fault has its own environment and they run concurrently, because a job with a fault mostly waits.
async fn each_fault(dependency: Dependency, faults: &[Fault], min_points: usize) {
    let mut tasks = JoinSet::new();
    for &fault in faults {
        tasks.spawn(async move { (fault, each_point(dependency, fault).await) });
        // The tasks should not all be at the same injection point at the same time.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    while let Some(task) = tasks.join_next().await {
        let (fault, points) = task.unwrap_or_else(|error| panic!("{dependency:?}: {error}"));
        assert!(
            points >= min_points,
            "{dependency:?}, {fault:?}: only {points} injection points, expected at least {min_points}"
        );
    }
}

const CONNECTION: [Fault; 4] = [
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::StallBefore,
    Fault::StallAfter,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_succeeds_when_any_database_transaction_fails_once() {
    each_fault(Dependency::Database, &CONNECTION, 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_succeeds_when_any_bucket_request_fails_once() {
    let statuses = [Fault::Status(403), Fault::Status(500)];
    each_fault(
        Dependency::Bucket,
        &[&CONNECTION[..], &statuses].concat(),
        8,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_succeeds_when_any_hub_request_fails_once() {
    let statuses = [Fault::Status(429), Fault::Status(502)];
    each_fault(Dependency::Hub, &[&CONNECTION[..], &statuses].concat(), 5).await;
}
