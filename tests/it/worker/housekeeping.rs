//! What is looked at before a job is accepted, and what is cleared when it is over.

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

use super::House;
use crate::fixture::job::{created, report};
use crate::fixture::scripted::{DOCUMENT, Scripted, success};

#[tokio::test]
async fn the_intake_looks_before_a_job_is_accepted() {
    let house = House::new(5_000, |_, places, _| success(places)).await;
    let pruner = Scripted::new(Box::new(|_, _, _| Ok(report())));
    let intake = LocalIntake::new(
        Sources::new(Roots::new(&[house.folder.path().join("data")]).unwrap()),
        pruner,
    );
    intake
        .check(&TenantId::only(), house.job().recipe)
        .await
        .unwrap();
    // Data may lie in a folder, too.
    let mut sharded = house.job().recipe;
    sharded.calibration.source.uri = house.uri("model");
    intake.check(&TenantId::only(), sharded).await.unwrap();
    let refused = async |change: fn(&mut Recipe, &House), word: &str| {
        let mut recipe = house.job().recipe;
        change(&mut recipe, &house);
        let failure = intake.check(&TenantId::only(), recipe).await.unwrap_err();
        assert!(
            failure.code == Code::SourceNotFound && failure.detail.contains(word),
            "{failure:?}"
        );
    };
    refused(
        |recipe, house| recipe.model.uri = house.uri("train.tsv"),
        "is a file; name the folder",
    )
    .await;
    refused(
        |recipe, house| recipe.model.uri = house.uri(""),
        "subfolder model/ is; name that folder",
    )
    .await;
    refused(
        |recipe, _| recipe.model.uri = "gs://bucket/model".into(),
        "unsupported source",
    )
    .await;
}

#[tokio::test]
async fn the_sweeper_clears_what_nobody_reads_again() {
    let house = House::new(5_000, |_, places, _| success(places)).await;
    let document = Key::journal("tenant", "scores-1.safetensors").unwrap();
    house
        .artifacts
        .put_bytes(&document, "x".into())
        .await
        .unwrap();
    let sweep = async |retention: Duration| {
        let stop = CancellationToken::new();
        let options = sweeper::Options {
            every: Duration::from_secs(60),
            retention: Retention::default(),
            journal_retention: retention,
            upload_retention: retention,
        };
        let store = Arc::clone(&house.jobs) as Arc<dyn Store>;
        let artifacts = house.artifacts.clone();
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
    assert!(house.artifacts.exists(&document).await.unwrap());
    sweep(Duration::ZERO).await;
    assert!(!house.artifacts.exists(&document).await.unwrap());
}

#[test]
fn the_next_process_clears_the_folders_of_those_that_are_gone_and_no_others() {
    let work = tempfile::tempdir().unwrap();
    let (gone, living) = (
        Scratch::open(work.path()).unwrap(),
        Scratch::open(work.path()).unwrap(),
    );
    let (left, kept) = (
        gone.path().join("job_dead-1"),
        living.path().join("job_alive-1"),
    );
    for folder in [&left, &kept] {
        std::fs::create_dir(folder).unwrap();
    }
    drop(gone);
    let _next = Scratch::open(work.path()).unwrap();
    assert!(!left.exists() && kept.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_was_changed_where_it_lies_is_not_taken_up() {
    let house = House::new(5_000, |_, places, _| success(places)).await;
    let run = async || {
        let job = created(house.jobs.as_ref(), house.job()).await;
        assert_eq!(house.ended(job.id).await.state, State::Succeeded);
        house.pruner.found.lock().unwrap().last().cloned().unwrap()
    };
    assert_eq!(run().await, None);
    assert_eq!(run().await.unwrap(), b"1");
    let tenant = TenantId::only();
    let name = document_name(DOCUMENT.0, DOCUMENT.1);
    let key = Key::journal(tenant.as_str(), &name).unwrap();
    let kept = house.artifacts.get_bytes(&key, 1 << 10).await.unwrap();
    let mut other = kept.to_vec();
    *other.last_mut().unwrap() = b'7';
    house.artifacts.put_bytes(&key, other.into()).await.unwrap();
    assert_eq!(run().await, None);
    assert_eq!(run().await.unwrap(), b"3");
}
