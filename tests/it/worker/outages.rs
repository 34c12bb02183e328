//! Tests of outages: the artifact store, the job store or the hub is unavailable for a while.

use optin::job::store::JobStore;
use optin::job::{Job, JobId, NewJob, Scope, State};
use optin::prune::failure::Code;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Harness, until_stopped};
use crate::fixture::job::created;
use crate::fixture::lossy_store::LossyStore;
use crate::fixture::scripted::success;

/// The folder of the artifact store. A test moves it away to simulate an unmounted disk.
struct Disk(PathBuf);

impl Disk {
    fn of(harness: &Harness) -> Self {
        Self(harness.folder.path().join("artifacts"))
    }

    fn hidden(&self) -> PathBuf {
        self.0.with_extension("aside")
    }

    fn unmount(&self) {
        std::fs::rename(&self.0, self.hidden()).unwrap();
        // A file in its place prevents the service from recreating the folder.
        std::fs::write(&self.0, "").unwrap();
    }

    fn remount(&self) {
        std::fs::remove_file(&self.0).unwrap();
        std::fs::rename(self.hidden(), &self.0).unwrap();
    }
}

async fn state(harness: &Harness, id: JobId) -> Job {
    harness.jobs.get(&Scope::Service, id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_is_claimed_while_the_artifact_store_is_unavailable() {
    let harness = Harness::new(5_000, |_, places, _| success(places)).await;
    let disk = Disk::of(&harness);
    disk.unmount();
    let mut jobs = Vec::new();
    for _ in 0..20 {
        jobs.push(
            created(harness.jobs.as_ref(), harness.job_of_one_attempt())
                .await
                .id,
        );
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    for id in &jobs {
        let job = state(&harness, *id).await;
        assert_eq!((job.state, job.attempt), (State::Queued, 0));
    }
    disk.remount();
    for id in jobs {
        assert_eq!(harness.ended(id).await.state, State::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_artifact_store_requeues_the_job_and_does_not_count_as_an_attempt() {
    let location = Arc::new(std::sync::OnceLock::<PathBuf>::new());
    let folder = Arc::clone(&location);
    let harness = Harness::new(5_000, move |run, places, _| {
        if run == 1 {
            Disk(folder.wait().clone()).unmount();
        }
        success(places)
    })
    .await;
    let disk = Disk::of(&harness);
    location.set(disk.0.clone()).unwrap();
    let job = created(harness.jobs.as_ref(), harness.job_of_one_attempt()).await;
    let held = harness.wait_for(job.id, |job| job.waiting.is_some()).await;
    let waiting = held.waiting.unwrap();
    assert_eq!(
        (held.state, waiting.failure.code),
        (State::Queued, Code::StorageUnavailable)
    );
    disk.remount();
    let ended = harness.ended(job.id).await;
    assert_eq!((ended.state, ended.attempt), (State::Succeeded, 2));
}

/// The outage is longer than the lease. The worker stops the attempt, and requeues the job when the job store responds
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_job_store_does_not_count_as_an_attempt() {
    let hang = Arc::new(AtomicBool::new(false));
    let wrap = LossyStore::hanging(&hang);
    let harness = Harness::with_store(wrap, 1_000, |run, places, watch| match run {
        1 => Err(until_stopped(watch)),
        _ => success(places),
    })
    .await;
    let job = created(harness.jobs.as_ref(), harness.job_of_one_attempt()).await;
    harness.scoring(job.id).await;
    hang.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    hang.store(false, Ordering::SeqCst);
    let ended = harness.ended(job.id).await;
    assert_eq!((ended.state, ended.attempt), (State::Succeeded, 2));
}

/// A heartbeat is in progress when the worker is asked to stop. The call that finishes the attempt hangs too.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_shuts_down_while_its_job_store_hangs() {
    let hang = Arc::new(AtomicBool::new(false));
    let wrap = LossyStore::hanging(&hang);
    let harness = Harness::with_store(wrap, 60_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(harness.jobs.as_ref(), harness.job_of_one_attempt()).await;
    harness.scoring(job.id).await;
    hang.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(200)).await;
    harness.stop.cancel();
    let stopped = tokio::time::timeout(Duration::from_secs(8), harness.worker).await;
    stopped
        .expect("the worker must stop within five seconds, plus a margin of three")
        .unwrap();
}

/// Returns a job whose model is on a hub that accepts connections and never responds.
fn job_with_stalled_transfer(harness: &Harness) -> NewJob {
    let mut job = harness.job_of_one_attempt();
    job.recipe.model.uri = "hf://org/model@0123456789abcdef0123456789abcdef01234567".into();
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_request_takes_effect_while_a_transfer_stalls() {
    let harness = Harness::new(60_000, |_, places, _| success(places)).await;
    let job = created(harness.jobs.as_ref(), job_with_stalled_transfer(&harness)).await;
    harness.wait_for(job.id, |job| job.stage.is_some()).await;
    harness
        .jobs
        .request_cancel(&Scope::Service, job.id)
        .await
        .unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), harness.ended(job.id)).await;
    assert_eq!(
        ended.expect("the job must end within five seconds").state,
        State::Canceled
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_shuts_down_while_a_transfer_stalls() {
    let harness = Harness::new(60_000, |_, places, _| success(places)).await;
    let job = created(harness.jobs.as_ref(), job_with_stalled_transfer(&harness)).await;
    harness.wait_for(job.id, |job| job.stage.is_some()).await;
    harness.stop.cancel();
    let Harness { worker, jobs, .. } = harness;
    let stopped = tokio::time::timeout(Duration::from_secs(5), worker).await;
    stopped
        .expect("the worker must stop within five seconds")
        .unwrap();
    let back = jobs.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!((back.state, back.stage), (State::Queued, None));
}
