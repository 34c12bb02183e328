//! Tests of the checks before a job is accepted, and of the removal of old data.

use optin::artifact::health::Health;
use optin::artifact::key::Key;
use optin::job::intake::Intake;
use optin::job::retention::Retention;
use optin::job::store::Store;
use optin::job::{State, TenantId};
use optin::prune::failure::Code;
use optin::prune::journal::document_name;
use optin::prune::recipe::Recipe;
use optin::telemetry::pulse::Pulses;
use optin::worker::intake::LocalIntake;
use optin::worker::scratch::Scratch;
use optin::worker::source::Sources;
use optin::worker::source::roots::Roots;
use optin::worker::sweeper;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::Harness;
use crate::fixture::job::{created, report};
use crate::fixture::scripted::{DOCUMENT, Scripted, success};

#[tokio::test]
async fn the_intake_checks_the_sources_before_a_job_is_accepted() {
    let harness = Harness::new(5_000, |_, places, _| success(places)).await;
    let pruner = Scripted::new(Box::new(|_, _, _| Ok(report())));
    let intake = LocalIntake::new(
        Sources::new(Roots::new(&[harness.folder.path().join("data")]).unwrap()),
        pruner,
    );
    intake
        .check(&TenantId::only(), harness.job().recipe)
        .await
        .unwrap();
    // The data may also be a folder.
    let mut sharded = harness.job().recipe;
    sharded.calibration.source.uri = harness.uri("model");
    intake.check(&TenantId::only(), sharded).await.unwrap();
    let assert_rejected = async |change: fn(&mut Recipe, &Harness), word: &str| {
        let mut recipe = harness.job().recipe;
        change(&mut recipe, &harness);
        let failure = intake.check(&TenantId::only(), recipe).await.unwrap_err();
        assert!(
            failure.code == Code::SourceNotFound && failure.detail.contains(word),
            "{failure:?}"
        );
    };
    assert_rejected(
        |recipe, harness| recipe.model.uri = harness.uri("train.tsv"),
        "is a file; name the folder",
    )
    .await;
    assert_rejected(
        |recipe, harness| recipe.model.uri = harness.uri(""),
        "subfolder model/ is; name that folder",
    )
    .await;
    assert_rejected(
        |recipe, _| recipe.model.uri = "gs://bucket/model".into(),
        "unsupported source",
    )
    .await;
}

#[tokio::test]
async fn the_sweeper_removes_cached_stages_and_uploads_after_their_retention_period() {
    let harness = Harness::new(5_000, |_, places, _| success(places)).await;
    let documents = [
        Key::journal("tenant", "scores-1.safetensors").unwrap(),
        Key::upload("tenant", "u1").unwrap(),
        Key::upload_part("tenant", "u1", "2").unwrap(),
    ];
    for document in &documents {
        let written = harness.artifacts.put_bytes(document, "x".into()).await;
        written.unwrap();
    }
    let sweep = async |retention: Duration| {
        let stop = CancellationToken::new();
        let options = sweeper::Options {
            every: Duration::from_secs(60),
            retention: Retention::default(),
            journal_retention: retention,
            upload_retention: retention,
        };
        let store = Arc::clone(&harness.jobs) as Arc<dyn Store>;
        let artifacts = harness.artifacts.clone();
        let running = tokio::spawn(sweeper::sweep(
            store,
            Health::new(artifacts),
            options,
            Pulses::default().watch("sweeper", Duration::MAX),
            stop.clone(),
        ));
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.cancel();
        running.await.unwrap();
    };
    sweep(Duration::from_secs(3_600)).await;
    for document in &documents {
        assert!(harness.artifacts.exists(document).await.unwrap());
    }
    sweep(Duration::ZERO).await;
    for document in &documents {
        assert!(!harness.artifacts.exists(document).await.unwrap());
    }
}

#[test]
fn a_new_process_removes_only_the_scratch_folders_of_ended_processes() {
    let work = tempfile::tempdir().unwrap();
    let (ended, running) = (
        Scratch::open(work.path()).unwrap(),
        Scratch::open(work.path()).unwrap(),
    );
    let (stale, current) = (
        ended.path().join("job_dead-1"),
        running.path().join("job_alive-1"),
    );
    for folder in [&stale, &current] {
        std::fs::create_dir(folder).unwrap();
    }
    drop(ended);
    let _next = Scratch::open(work.path()).unwrap();
    assert!(!stale.exists() && current.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_stage_that_was_altered_in_storage_is_not_reused() {
    let harness = Harness::new(5_000, |_, places, _| success(places)).await;
    let run = async || {
        let job = created(harness.jobs.as_ref(), harness.job()).await;
        assert_eq!(harness.ended(job.id).await.state, State::Succeeded);
        harness
            .pruner
            .found
            .lock()
            .unwrap()
            .last()
            .cloned()
            .unwrap()
    };
    assert_eq!(run().await, None);
    assert_eq!(run().await.unwrap(), b"1");
    let tenant = TenantId::only();
    let name = document_name(DOCUMENT.0, DOCUMENT.1);
    let key = Key::journal(tenant.as_str(), &name).unwrap();
    let kept = harness.artifacts.get_bytes(&key, 1 << 10).await.unwrap();
    let mut other = kept.to_vec();
    *other.last_mut().unwrap() = b'7';
    harness
        .artifacts
        .put_bytes(&key, other.into())
        .await
        .unwrap();
    assert_eq!(run().await, None);
    assert_eq!(run().await.unwrap(), b"3");
}
