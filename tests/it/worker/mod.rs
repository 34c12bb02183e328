//! Tests of the worker: attempts from claim to end, with a scripted pruner.

mod attempts;
mod child;
mod folders;
mod housekeeping;
mod outages;
mod reach;

use optin::artifact::health::Health;
use optin::artifact::store::ArtifactStore;
use optin::job::store::JobStore;
use optin::job::store::sqlite::SqliteStore;
use optin::job::{Job, JobId, NewJob, Scope};
use optin::prune::failure::Failure;
use optin::prune::places::Places;
use optin::prune::recipe::Source;
use optin::prune::report::Report;
use optin::prune::stage::Stage;
use optin::prune::watch::Watch;
use optin::telemetry::pulse::Pulses;
use optin::worker::lookout::Lookout;
use optin::worker::pruner::Pruner;
use optin::worker::scratch::Scratch;
use optin::worker::source::Sources;
use optin::worker::source::cache::Cache;
use optin::worker::source::hub::Hub;
use optin::worker::source::roots::Roots;
use optin::worker::{Options, Worker};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fixture::job::new_job;
use crate::fixture::scripted::Scripted;

/// Reports progress until the watch asks it to stop.
fn until_stopped(watch: &dyn Watch) -> Failure {
    watch.stage(Stage::Scoring);
    for done in 0.. {
        watch.progress(done, 1_000_000);
        if let Err(failure) = watch.proceed() {
            return failure;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    unreachable!("the range is infinite")
}

/// A worker with a SQLite job store, a local artifact store, local sources and a hub that never responds.
struct Harness {
    folder: TempDir,
    scratch: Arc<Scratch>,
    jobs: Arc<SqliteStore>,
    artifacts: ArtifactStore,
    pruner: Arc<Scripted>,
    stop: CancellationToken,
    worker: JoinHandle<()>,
    /// The hub: accepts connections and never responds.
    _silent_hub: TcpListener,
}

impl Harness {
    async fn new(
        lease_ms: u64,
        script: impl Fn(usize, &Places, &dyn Watch) -> Result<Report, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::with_store(|store| store, lease_ms, script).await
    }

    /// Creates a harness whose worker uses the job store through the wrapper that `wrap` returns.
    async fn with_store(
        wrap: impl FnOnce(Arc<dyn JobStore>) -> Arc<dyn JobStore>,
        lease_ms: u64,
        script: impl Fn(usize, &Places, &dyn Watch) -> Result<Report, Failure> + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = ArtifactStore::local(&folder.path().join("artifacts")).unwrap();
        Self::in_folder(folder, artifacts, wrap, lease_ms, script).await
    }

    /// Creates a harness whose worker stores files in this store.
    async fn with_artifacts(
        artifacts: ArtifactStore,
        script: impl Fn(usize, &Places, &dyn Watch) -> Result<Report, Failure> + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::in_folder(folder, artifacts, |store| store, 5_000, script).await
    }

    async fn in_folder(
        folder: TempDir,
        artifacts: ArtifactStore,
        wrap: impl FnOnce(Arc<dyn JobStore>) -> Arc<dyn JobStore>,
        lease_ms: u64,
        script: impl Fn(usize, &Places, &dyn Watch) -> Result<Report, Failure> + Send + Sync + 'static,
    ) -> Self {
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("model")).unwrap();
        std::fs::write(data.join("model/config.json"), "{}").unwrap();
        std::fs::write(data.join("model/model.safetensors"), "weights").unwrap();
        std::fs::write(data.join("train.tsv"), "text\n").unwrap();
        let jobs = Arc::new(
            SqliteStore::open(&folder.path().join("jobs.sqlite"))
                .await
                .unwrap(),
        );
        let options = Options {
            name: "w".into(),
            device: optin::job::Device::Cpu,
            quota: optin::job::queue::Quota::default(),
            lease: Duration::from_millis(lease_ms),
            heartbeat: Duration::from_millis(50),
            poll: Duration::from_millis(50),
            after_outage: Duration::from_millis(500),
            pulse: Pulses::default().watch("worker", Duration::MAX),
            signer: None,
        };
        let pruner = Scripted::new(Box::new(script));
        let silent_hub = TcpListener::bind("127.0.0.1:0").unwrap();
        let hub = Hub::new(
            &format!("http://{}", silent_hub.local_addr().unwrap()),
            None,
        )
        .unwrap();
        let cache = Cache::open(&folder.path().join("cache"), 1 << 20).unwrap();
        let sources = Sources::new(Roots::new(&[data]).unwrap()).with_hub(hub, cache);
        let health = Health::new(artifacts.clone());
        let wake = Arc::new(Notify::new());
        let store = wrap(Arc::clone(&jobs) as Arc<dyn JobStore>);
        let scratch = Arc::new(Scratch::open(&folder.path().join("work")).unwrap());
        let worker = Worker::new(
            store,
            health.clone(),
            Arc::clone(&pruner) as Arc<dyn Pruner>,
            sources.clone(),
            Arc::clone(&wake),
            Arc::clone(&scratch),
            options,
        );
        let stop = CancellationToken::new();
        let lookout = Lookout::new(
            Arc::clone(&jobs) as Arc<dyn JobStore>,
            health,
            sources,
            optin::job::Device::Cpu,
            wake,
        );
        let token = stop.clone();
        tokio::spawn(async move { lookout.run(token).await });
        let token = stop.clone();
        let worker = tokio::spawn(async move { worker.run(token).await });
        Self {
            folder,
            scratch,
            jobs,
            artifacts,
            pruner,
            stop,
            worker,
            _silent_hub: silent_hub,
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
        job.recipe.calibration.source = Source::new(self.uri("train.tsv"));
        job
    }

    fn job_of_one_attempt(&self) -> NewJob {
        NewJob {
            max_attempts: 1,
            ..self.job()
        }
    }

    async fn wait_for(&self, id: JobId, good: impl Fn(&Job) -> bool) -> Job {
        let start = Instant::now();
        loop {
            let job = self.jobs.get(&Scope::Service, id).await.unwrap();
            if good(&job) {
                return job;
            }
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the job is still {job:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the job is in a terminal state.
    async fn ended(&self, id: JobId) -> Job {
        self.wait_for(id, |job| job.state.is_terminal()).await
    }

    /// Waits until the job is in the scoring stage.
    async fn scoring(&self, id: JobId) -> Job {
        self.wait_for(id, |job| job.stage == Some(Stage::Scoring))
            .await
    }

    /// Counts the files of a job in the artifact store.
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

    /// Counts the folders of attempts in the scratch folder.
    fn attempt_folders(&self) -> usize {
        self.scratch.path().read_dir().unwrap().count()
    }
}
