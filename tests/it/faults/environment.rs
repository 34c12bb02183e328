//! The environment of a job: a worker and the dependencies, each behind a proxy whose connections fail on demand.
//!
//! PostgreSQL and the bucket are real servers. The hub is a test server.

use optin::artifact::health::Health;
use optin::artifact::key::Key;
use optin::artifact::progress::Patience;
use optin::artifact::s3::S3Options;
use optin::artifact::store::ArtifactStore;
use optin::job::event::NewEvent;
use optin::job::queue::Quota;
use optin::job::store::postgres::PostgresStore;
use optin::job::store::{Created, IdempotencyKey, JobFilter, JobStore};
use optin::job::{Device, Job, JobId, NewJob, Scope, State};
use optin::prune::failure::Failure;
use optin::prune::places::Places;
use optin::prune::report::Report;
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
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use strum::VariantArray;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::fixture::hub::FakeHub;
use crate::fixture::injection_points::Protocol;
use crate::fixture::job::{new_job, report};
use crate::fixture::proxy::Proxy;
use crate::fixture::scripted::Scripted;
use crate::fixture::{bucket, postgres};

/// Size of a file that is uploaded in several parts, in bytes.
pub const PARTS_BYTES: usize = (8 << 20) + 1;

/// Timeouts of stalled transfers.
const PATIENCE: Patience = Patience {
    answer: Duration::from_millis(1_500),
    least_bytes: 1,
    within: Duration::from_millis(1_500),
};

/// Timeout of a job. A job takes one or two seconds without a fault, and a few more with a fault.
const JOB_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that a job depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum Dependency {
    Database,
    Bucket,
    Hub,
}

/// A worker with its dependencies.
pub struct Environment {
    folder: TempDir,
    /// Proxies through which the worker and the client connect, indexed by [`Dependency`].
    proxies: [Proxy; 3],
    /// Direct connections to the database and the bucket, without a proxy.
    jobs: PostgresStore,
    artifacts: ArtifactStore,
    bucket: S3Options,
    /// Connection of the worker and the client to the database, through the proxy.
    client: Arc<PostgresStore>,
    hub: FakeHub,
    /// Number of jobs so far.
    jobs_run: AtomicUsize,
    weights_bytes: usize,
}

const FILES: &[(&str, &[u8])] = &[
    ("config.json", b"{}"),
    ("model.safetensors", &[7; 4_000]),
    ("train.tsv", b"text\nhello\n"),
];

impl Environment {
    /// Starts an environment whose jobs write a weights file of this size.
    pub async fn new(weights_bytes: usize) -> Self {
        let url = postgres::database().await;
        let jobs = postgres::store(&url).await;
        let database = Proxy::start(authority(&url), Protocol::Postgres);
        let client = PostgresStore::open(&database.url(&url), 8).await.unwrap();
        let (options, artifacts) = bucket::place();
        let endpoint = options.endpoint.clone().unwrap();
        let s3 = Proxy::start(authority(&endpoint), Protocol::Http);
        let hub = FakeHub::start(FILES).await;
        let hub_proxy = Proxy::start(authority(&hub.url), Protocol::Http);
        Self {
            folder: tempfile::tempdir().unwrap(),
            jobs,
            artifacts,
            bucket: options,
            client: Arc::new(client.within(PATIENCE.answer)),
            proxies: [database, s3, hub_proxy],
            hub,
            jobs_run: AtomicUsize::new(0),
            weights_bytes,
        }
    }

    pub fn proxy(&self, dependency: Dependency) -> &Proxy {
        &self.proxies[dependency as usize]
    }

    /// Runs a job from its submission to its end, and checks its result. The maximum number of attempts is 1.
    pub async fn run_job(&self) -> Job {
        let number = self.jobs_run.fetch_add(1, Ordering::SeqCst) + 1;
        let stop = CancellationToken::new();
        let running = self.start(number, &stop);
        let id = self.submit(number).await;
        let job = self.ended(id).await;
        stop.cancel();
        let stopped = tokio::time::timeout(Duration::from_secs(10), running).await;
        stopped
            .expect("the worker must stop within 10 seconds")
            .unwrap();
        self.check(&job, number).await;
        job
    }

    /// Starts a worker.
    fn start(&self, number: usize, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
        // An empty cache, so that each job fetches all files.
        let cache = self.folder.path().join(format!("cache-{number}"));
        let hub_url = self.proxy(Dependency::Hub).url(&self.hub.url);
        let sources = Sources::new(Roots::default()).with_hub(
            Hub::new(&hub_url, None).unwrap().with_patience(PATIENCE),
            Cache::open(&cache, 1 << 20).unwrap(),
        );
        let endpoint = self.bucket.endpoint.clone().unwrap();
        let artifacts = ArtifactStore::s3(S3Options {
            endpoint: Some(self.proxy(Dependency::Bucket).url(&endpoint)),
            ..self.bucket.clone()
        });
        let health = Health::new(artifacts.unwrap().with_patience(PATIENCE));
        let (wake, weights_bytes) = (Arc::new(Notify::new()), self.weights_bytes);
        let jobs = Arc::clone(&self.client) as Arc<dyn JobStore>;
        let lookout = Lookout::new(
            Arc::clone(&jobs),
            health.clone(),
            sources.clone(),
            Device::Cpu,
            Arc::clone(&wake),
        );
        let worker = Worker::new(
            jobs,
            health,
            Scripted::new(Box::new(move |run, places, watch| {
                work(run, places, watch, weights_bytes)
            })) as Arc<dyn Pruner>,
            sources,
            wake,
            Arc::new(Scratch::open(&self.folder.path().join("work")).unwrap()),
            Options {
                name: format!("worker-{number}"),
                device: Device::Cpu,
                quota: Quota::default(),
                lease: Duration::from_secs(4),
                heartbeat: Duration::from_millis(150),
                poll: Duration::from_millis(100),
                after_outage: Duration::from_millis(300),
                pulse: Pulses::default().watch("worker", Duration::MAX),
                signer: None,
            },
        );
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = worker.run(stop.clone()) => {}
                () = lookout.run(CancellationToken::new()) => {}
            }
        })
    }

    /// Submits a job as a client that retries a request with the same idempotency key until it gets a response.
    async fn submit(&self, number: usize) -> JobId {
        let mut job = NewJob {
            max_attempts: 1,
            ..new_job("hf://org/model@v1")
        };
        job.recipe.calibration.source.uri = "hf://datasets/org/data@v1/train.tsv".into();
        let key = IdempotencyKey {
            key: format!("job {number}"),
            body_sha256: "00".into(),
        };
        let start = Instant::now();
        loop {
            let created = self
                .client
                .create(job.clone(), Some(key.clone()), Quota::default());
            match created.await {
                Ok(Created::New(job) | Created::Replayed(job)) => return job.id,
                Err(error) => assert!(
                    error.is_outage() && start.elapsed() < JOB_TIMEOUT,
                    "the error must be an outage that the client may retry, but is: {error}"
                ),
            }
        }
    }

    async fn ended(&self, id: JobId) -> Job {
        let start = Instant::now();
        loop {
            let job = self.jobs.get(&Scope::Service, id).await.unwrap();
            if job.state.is_terminal() {
                return job;
            }
            assert!(
                start.elapsed() < JOB_TIMEOUT,
                "the job has not ended after {JOB_TIMEOUT:?}: {job:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Checks that the job, its end event and its files exist exactly once and are complete.
    async fn check(&self, job: &Job, number: usize) {
        assert_eq!(job.state, State::Succeeded, "{job:?}");
        let every = JobFilter::default();
        let all = self.jobs.list(&Scope::Service, &every, None, 1_000);
        assert_eq!(
            all.await.unwrap().0.len(),
            number,
            "each submission must create one job"
        );
        let events = self.jobs.events(&Scope::Service, job.id, 0, 1_000);
        let events: Vec<_> = events.await.unwrap();
        let ends = events.iter().filter(|event| {
            matches!(
                event.body,
                NewEvent::Succeeded
                    | NewEvent::Failed { .. }
                    | NewEvent::Canceled
                    | NewEvent::Expired
            )
        });
        assert_eq!(ends.count(), 1, "{events:?}");
        let manifest = self.jobs.manifest(&Scope::Service, job.id).await.unwrap();
        let files = manifest.unwrap().files;
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["model.safetensors", "report.json"]);
        for file in files {
            let key = Key::parse(&file.key).unwrap();
            let content = self.artifacts.get_bytes(&key, 1 << 30).await;
            let content =
                content.unwrap_or_else(|error| panic!("could not read {}: {error}", file.key));
            assert_eq!(
                hex::encode(Sha256::digest(&content)),
                file.sha256,
                "{}",
                file.key
            );
        }
        assert_eq!(
            std::fs::read_dir(self.folder.path().join("work/attempts"))
                .unwrap()
                .count(),
            2,
            "only the lock file and the scratch folder of the last worker may remain"
        );
        let prefix = Key::job(&job.id.to_string()).unwrap();
        self.artifacts.delete_prefix(&prefix).await.unwrap();
    }
}

/// Body of a run: runs for a few heartbeats, checks the fetched weights and writes two files.
fn work(
    run: usize,
    places: &Places,
    watch: &dyn Watch,
    weights_bytes: usize,
) -> Result<Report, Failure> {
    for step in 0..8 {
        watch.progress(step, 8);
        watch.proceed()?;
        std::thread::sleep(Duration::from_millis(50));
    }
    let read = std::fs::read(places.model.join("model.safetensors"))?;
    assert_eq!(
        read, FILES[1].1,
        "the fetched file must equal the file on the hub"
    );
    std::fs::create_dir_all(&places.out)?;
    std::fs::write(places.out.join("report.json"), run.to_string())?;
    std::fs::write(
        places.out.join("model.safetensors"),
        vec![run as u8; weights_bytes],
    )?;
    Ok(report())
}

/// Returns the host and the port of a URL.
fn authority(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap();
    authority.rsplit('@').next().unwrap().to_owned()
}
