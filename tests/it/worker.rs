//! Attempts from claim to end, with a core that does what the test says.

use optin::artifact::key::Key;
use optin::artifact::store::ArtifactStore;
use optin::job::intake::Intake;
use optin::job::retention::Retention;
use optin::job::store::sqlite::SqliteStore;
use optin::job::store::{JobStore, Store};
use optin::job::{Job, JobId, NewJob, Scope, State, TenantId};
use optin::prune::Places;
use optin::prune::failure::{Code, Failure};
use optin::prune::journal::Journal;
use optin::prune::plan::Plan;
use optin::prune::recipe::{Recipe, Source};
use optin::prune::report::Report;
use optin::prune::stage::Stage;
use optin::prune::watch::Watch;
use optin::worker::intake::LocalIntake;
use optin::worker::pruner::Pruner;
use optin::worker::scratch::Scratch;
use optin::worker::source::Sources;
use optin::worker::source::roots::Roots;
use optin::worker::{Options, Worker, sweeper};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixture::job::{claimer, created, new_job, report};

/// What the core does in its n-th run.
type Script = Box<dyn Fn(usize, &Places, &dyn Watch) -> Result<Report, Failure> + Send + Sync>;

struct Scripted {
    runs: AtomicUsize,
    script: Script,
}

impl Pruner for Scripted {
    fn run(
        &self,
        places: &Places,
        _: &Recipe,
        _: &dyn Journal,
        watch: &dyn Watch,
    ) -> Result<Report, Failure> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        (self.script)(run, places, watch)
    }

    fn estimate(&self, _: &Places, _: &Recipe) -> Result<Plan, Failure> {
        Err(Failure::new(Code::Internal, "not in this test"))
    }
}

/// Writes two files, as a core that succeeds.
fn success(places: &Places) -> Result<Report, Failure> {
    std::fs::create_dir_all(&places.out)?;
    std::fs::write(places.out.join("report.json"), "{}")?;
    std::fs::write(places.out.join("model.safetensors"), "weights")?;
    Ok(report())
}

/// Works until it is told to stop.
fn until_stopped(watch: &dyn Watch) -> Failure {
    watch.stage(Stage::Scoring);
    for done in 0.. {
        watch.progress(done, 1_000_000);
        if let Err(failure) = watch.proceed() {
            return failure;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    unreachable!("it counts for ever")
}

struct House {
    folder: TempDir,
    scratch: Arc<Scratch>,
    jobs: Arc<SqliteStore>,
    artifacts: ArtifactStore,
    stop: CancellationToken,
    worker: JoinHandle<()>,
}

impl House {
    async fn new(
        lease_ms: u64,
        script: impl Fn(usize, &Places, &dyn Watch) -> Result<Report, Failure> + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("model")).unwrap();
        std::fs::write(data.join("model/config.json"), "{}").unwrap();
        std::fs::write(data.join("train.tsv"), "text\n").unwrap();
        let jobs = Arc::new(
            SqliteStore::open(&folder.path().join("jobs.sqlite"))
                .await
                .unwrap(),
        );
        let artifacts = ArtifactStore::local(&folder.path().join("artifacts")).unwrap();
        let options = Options {
            name: "w".into(),
            device: optin::job::Device::Cpu,
            quota: optin::job::queue::Quota::default(),
            lease: Duration::from_millis(lease_ms),
            heartbeat: Duration::from_millis(50),
            poll: Duration::from_millis(50),
        };
        let pruner = Arc::new(Scripted {
            runs: AtomicUsize::new(0),
            script: Box::new(script),
        });
        let sources = Sources::new(Roots::new(&[data]).unwrap());
        let store: Arc<dyn JobStore> = Arc::clone(&jobs) as Arc<dyn JobStore>;
        let scratch = Arc::new(Scratch::open(&folder.path().join("work")).unwrap());
        let worker = Worker::new(
            store,
            artifacts.clone(),
            pruner,
            sources,
            Arc::new(Notify::new()),
            Arc::clone(&scratch),
            options,
        );
        let stop = CancellationToken::new();
        let token = stop.clone();
        let worker = tokio::spawn(async move { worker.run(token).await });
        Self {
            folder,
            scratch,
            jobs,
            artifacts,
            stop,
            worker,
        }
    }

    fn uri(&self, name: &str) -> String {
        format!(
            "file://{}",
            self.folder.path().join("data").join(name).display()
        )
    }

    fn job(&self) -> NewJob {
        let mut job = new_job(&self.uri("model"));
        job.recipe.calibration.source = Source {
            uri: self.uri("train.tsv"),
        };
        job
    }

    async fn until(&self, id: JobId, good: impl Fn(&Job) -> bool) -> Job {
        let start = Instant::now();
        loop {
            let job = self.jobs.get(&Scope::Service, id).await.unwrap();
            if good(&job) {
                return job;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "still {job:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ended(&self, id: JobId) -> Job {
        self.until(id, |job| job.state.is_terminal()).await
    }

    async fn scoring(&self, id: JobId) -> Job {
        self.until(id, |job| job.stage == Some(Stage::Scoring))
            .await
    }

    /// Files of a job in the artifact store's folder.
    fn stored(&self, id: JobId) -> usize {
        let mut count = 0;
        let mut folders = vec![
            self.folder
                .path()
                .join("artifacts/jobs")
                .join(id.to_string()),
        ];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.path().is_dir() {
                    true => folders.push(entry.path()),
                    false => count += 1,
                }
            }
        }
        count
    }

    fn attempts_left(&self) -> usize {
        self.scratch.path().read_dir().unwrap().count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_published_with_every_file() {
    let house = House::new(5_000, |_, places, watch| {
        for stage in &Stage::ALL[..7] {
            watch.stage(*stage);
        }
        success(places)
    })
    .await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    let ended = house.ended(job.id).await;
    assert_eq!(
        (ended.state, ended.attempt, ended.report),
        (State::Succeeded, 1, Some(report()))
    );
    let manifest = house
        .jobs
        .manifest(&Scope::Service, job.id)
        .await
        .unwrap()
        .unwrap();
    let names: Vec<&str> = manifest
        .files
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(names, ["model.safetensors", "report.json"]);
    let weights = &manifest.files[0];
    assert_eq!(
        (
            weights.bytes,
            house
                .artifacts
                .size(&Key::parse(&weights.key).unwrap())
                .await
                .unwrap()
        ),
        (7, 7)
    );
    assert_eq!(house.attempts_left(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_request_stops_a_run_soon_and_leaves_nothing() {
    let house = House::new(5_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    house.scoring(job.id).await;
    let asked = Instant::now();
    house
        .jobs
        .request_cancel(&Scope::Service, job.id)
        .await
        .unwrap();
    let ended = house.ended(job.id).await;
    assert_eq!((ended.state, ended.failure), (State::Canceled, None));
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!((house.stored(job.id), house.attempts_left()), (0, 0));
    let events = house
        .jobs
        .events(&Scope::Service, job.id, 0, 1_000)
        .await
        .unwrap();
    let progress = events
        .iter()
        .filter(|event| matches!(event.body, optin::job::event::NewEvent::Progress { .. }))
        .count();
    assert!(progress >= 1, "progress was told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_stops_a_run() {
    let house = House::new(5_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(
        house.jobs.as_ref(),
        NewJob {
            deadline_ms: Some(300),
            ..house.job()
        },
    )
    .await;
    let ended = house.ended(job.id).await;
    assert_eq!(
        (ended.state, ended.failure.unwrap().code),
        (State::Expired, Code::DeadlineExceeded)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_fails_the_attempt_and_tells_nothing_internal() {
    let house = House::new(5_000, |_, _, _| panic!("the secret of the house")).await;
    let job = created(
        house.jobs.as_ref(),
        NewJob {
            max_attempts: 1,
            ..house.job()
        },
    )
    .await;
    let failure = house.ended(job.id).await.failure.unwrap();
    assert_eq!(failure.code, Code::Internal);
    assert!(
        !failure.detail.contains("secret") && failure.detail.contains(&job.id.to_string()),
        "{}",
        failure.detail
    );
    // The worker lives on.
    let next = created(
        house.jobs.as_ref(),
        NewJob {
            max_attempts: 1,
            ..house.job()
        },
    )
    .await;
    assert_eq!(house.ended(next.id).await.state, State::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_may_pass_is_tried_again() {
    let house = House::new(5_000, |run, places, _| match run {
        1 => Err(Failure::new(Code::StorageFull, "the disk is full").in_stage(Stage::Cutting)),
        _ => success(places),
    })
    .await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    let ended = house.ended(job.id).await;
    assert_eq!(
        (ended.state, ended.attempt, ended.failure),
        (State::Succeeded, 2, None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_request_is_final() {
    let house = House::new(5_000, |_, _, _| {
        Err(Failure::new(Code::InvalidData, "line 3").in_stage(Stage::Preparing))
    })
    .await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    let ended = house.ended(job.id).await;
    let failure = ended.failure.unwrap();
    assert_eq!(
        (ended.state, ended.attempt, failure.stage),
        (State::Failed, 1, Some(Stage::Preparing))
    );
    assert_eq!(failure.detail, "line 3");
}

/// The zombie: it lost its lease, goes on, and comes with a result after another attempt published its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_zombies_result_is_refused_and_its_files_are_removed() {
    let house = House::new(60_000, |_, places, watch| {
        watch.stage(Stage::Scoring);
        std::thread::sleep(Duration::from_millis(700));
        success(places)
    })
    .await;
    let job = created(house.jobs.as_ref(), house.job()).await;
    house.scoring(job.id).await;
    // Its lease runs out as if it had been stopped for longer than that, and another worker takes the job.
    steal(&house, job.id).await;
    let (_, lease) = house
        .jobs
        .claim(&claimer("other", 60_000))
        .await
        .unwrap()
        .expect("the lease ran out");
    assert_eq!(lease.attempt, 2);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let held = house.jobs.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!((held.state, held.attempt), (State::Running, 2));
    assert_eq!(house.stored(job.id), 0, "the zombie's files are gone");
    assert_eq!(
        house.jobs.manifest(&Scope::Service, job.id).await.unwrap(),
        None
    );
}

async fn steal(house: &House, id: JobId) {
    use sqlx::Connection;
    let url = format!(
        "sqlite://{}",
        house.folder.path().join("jobs.sqlite").display()
    );
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let changed = sqlx::query("UPDATE jobs SET lease_until = 1 WHERE id = ?1").bind(id.to_string());
    assert_eq!(
        changed
            .execute(&mut connection)
            .await
            .unwrap()
            .rows_affected(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_shuts_down_gives_its_job_back() {
    let house = House::new(60_000, |_, _, watch| Err(until_stopped(watch))).await;
    let job = created(
        house.jobs.as_ref(),
        NewJob {
            max_attempts: 1,
            ..house.job()
        },
    )
    .await;
    house.scoring(job.id).await;
    house.stop.cancel();
    let House { worker, jobs, .. } = house;
    tokio::time::timeout(Duration::from_secs(5), worker)
        .await
        .expect("it stops soon")
        .unwrap();
    let back = jobs.get(&Scope::Service, job.id).await.unwrap();
    assert_eq!((back.state, back.failure), (State::Queued, None));
    assert_eq!(
        jobs.claim(&claimer("next", 1_000))
            .await
            .unwrap()
            .unwrap()
            .1
            .attempt,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_gone_fails_the_job() {
    let house = House::new(5_000, |_, places, _| success(places)).await;
    let mut new = house.job();
    new.recipe.model.uri = house.uri("no-such-model");
    let job = created(house.jobs.as_ref(), new).await;
    assert_eq!(
        house.ended(job.id).await.failure.unwrap().code,
        Code::SourceNotFound
    );
}

#[tokio::test]
async fn the_intake_looks_before_a_job_is_accepted() {
    let house = House::new(5_000, |_, places, _| success(places)).await;
    let pruner = Arc::new(Scripted {
        runs: AtomicUsize::new(0),
        script: Box::new(|_, _, _| Ok(report())),
    });
    let intake = LocalIntake::new(
        Sources::new(Roots::new(&[house.folder.path().join("data")]).unwrap()),
        pruner,
    );
    intake
        .check(&TenantId::only(), house.job().recipe)
        .await
        .unwrap();
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
        "is no folder",
    )
    .await;
    refused(
        |recipe, house| recipe.model.uri = house.uri(""),
        "no config.json",
    )
    .await;
    refused(
        |recipe, house| recipe.calibration.source.uri = house.uri("model"),
        "is no file",
    )
    .await;
    refused(
        |recipe, _| recipe.model.uri = "gs://bucket/model".into(),
        "no source that this release reads",
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
        let running = tokio::spawn(sweeper::sweep(store, artifacts, options, stop.clone()));
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
