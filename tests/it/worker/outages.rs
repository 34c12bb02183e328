//! Places that are away, and come back.

use optin::job::store::JobStore;
use optin::job::{Job, JobId, NewJob, Scope, State};
use optin::prune::failure::Code;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{House, until_stopped};
use crate::fixture::deaf::Deaf;
use crate::fixture::job::created;
use crate::fixture::scripted::success;

/// The artifact store's folder, which is put aside as a disk that is unmounted.
struct Disk(PathBuf);

impl Disk {
    fn of(house: &House) -> Self {
        Self(house.folder.path().join("artifacts"))
    }

    fn aside(&self) -> PathBuf {
        self.0.with_extension("aside")
    }

    fn take_away(&self) {
        std::fs::rename(&self.0, self.aside()).unwrap();
        // A file, so that nobody makes the folder anew.
        std::fs::write(&self.0, "").unwrap();
    }

    fn bring_back(&self) {
        std::fs::remove_file(&self.0).unwrap();
        std::fs::rename(self.aside(), &self.0).unwrap();
    }
}

async fn state(house: &House, id: JobId) -> Job {
    house.jobs.get(&Scope::Service, id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_artifact_store_is_away_no_job_is_taken() {
    let house = House::new(5_000, |_, places, _| success(places)).await;
    let disk = Disk::of(&house);
    disk.take_away();
    let mut jobs = Vec::new();
    for _ in 0..20 {
        jobs.push(
            created(house.jobs.as_ref(), house.job_of_one_attempt())
                .await
                .id,
        );
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    for id in &jobs {
        let job = state(&house, *id).await;
        assert_eq!((job.state, job.attempt), (State::Queued, 0));
    }
    disk.bring_back();
    for id in jobs {
        assert_eq!(house.ended(id).await.state, State::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_cannot_be_stored_waits_for_the_store_and_costs_no_attempt() {
    let aside = Arc::new(std::sync::OnceLock::<PathBuf>::new());
    let folder = Arc::clone(&aside);
    let house = House::new(5_000, move |run, places, _| {
        if run == 1 {
            Disk(folder.wait().clone()).take_away();
        }
        success(places)
    })
    .await;
    let disk = Disk::of(&house);
    aside.set(disk.0.clone()).unwrap();
    let job = created(house.jobs.as_ref(), house.job_of_one_attempt()).await;
    let waits = house.until(job.id, |job| job.waiting.is_some()).await;
    let waiting = waits.waiting.unwrap();
    assert_eq!(
        (waits.state, waiting.failure.code),
        (State::Queued, Code::StorageUnavailable)
    );
    disk.bring_back();
    let ended = house.ended(job.id).await;
    assert_eq!((ended.state, ended.attempt), (State::Succeeded, 2));
}

/// Longer than the lease: the attempt is given up, and given back when the job store answers again.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_store_that_is_away_costs_no_attempt() {
    let silent = Arc::new(AtomicBool::new(false));
    let seen = Deaf::silenced(&silent);
    let house = House::over(seen, 1_000, |run, places, watch| match run {
        1 => Err(until_stopped(watch)),
        _ => success(places),
    })
    .await;
    let job = created(house.jobs.as_ref(), house.job_of_one_attempt()).await;
    house.scoring(job.id).await;
    silent.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    silent.store(false, Ordering::SeqCst);
    let ended = house.ended(job.id).await;
    assert_eq!((ended.state, ended.attempt), (State::Succeeded, 2));
}

/// A heartbeat is under way when the worker is told to stop, and the attempt's end is not answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_shuts_down_while_its_job_store_stands_still() {
    let silent = Arc::new(AtomicBool::new(false));
    let seen = Deaf::silenced(&silent);
    let house = House::over(seen, 60_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(house.jobs.as_ref(), house.job_of_one_attempt()).await;
    house.scoring(job.id).await;
    silent.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(200)).await;
    house.stop.cancel();
    let stopped = tokio::time::timeout(Duration::from_secs(8), house.worker).await;
    stopped
        .expect("within five seconds, and a few to spare")
        .unwrap();
}

/// A job whose model is at a hub that takes connections and answers nobody.
fn stalled(house: &House) -> NewJob {
    let mut job = house.job_of_one_attempt();
    job.recipe.model.uri = "hf://org/model@0123456789abcdef0123456789abcdef01234567".into();
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_request_is_heard_while_a_transfer_stands_still() {
    let house = House::new(60_000, |_, places, _| success(places)).await;
    let job = created(house.jobs.as_ref(), stalled(&house)).await;
    house.until(job.id, |job| job.stage.is_some()).await;
    house
        .jobs
        .request_cancel(&Scope::Service, job.id)
        .await
        .unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), house.ended(job.id)).await;
    assert_eq!(ended.expect("within five seconds").state, State::Canceled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_shuts_down_while_a_transfer_stands_still() {
    let house = House::new(60_000, |_, places, _| success(places)).await;
    let job = created(house.jobs.as_ref(), stalled(&house)).await;
    house.until(job.id, |job| job.stage.is_some()).await;
    house.stop.cancel();
    let House { worker, jobs, .. } = house;
    let stopped = tokio::time::timeout(Duration::from_secs(5), worker).await;
    stopped.expect("within five seconds").unwrap();
    let back = jobs.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!((back.state, back.stage), (State::Queued, None));
}
