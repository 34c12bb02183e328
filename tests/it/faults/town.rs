//! All that a job needs, each behind a connection that fails on demand: a real PostgreSQL, a real bucket and a hub, with one
//! worker.

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
use optin::prune::Places;
use optin::prune::failure::Failure;
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
use crate::fixture::job::{new_job, report};
use crate::fixture::marks::Kind;
use crate::fixture::proxy::Proxy;
use crate::fixture::scripted::Scripted;
use crate::fixture::{bucket, postgres};

/// So large a file is stored in parts.
pub const PARTS_BYTES: usize = (8 << 20) + 1;

/// What stands still is over after this time.
const PATIENCE: Patience = Patience {
    answer: Duration::from_millis(1_500),
    least_bytes: 1,
    within: Duration::from_millis(1_500),
};

/// A life takes a second or two; with a fault, a few more.
const MOST: Duration = Duration::from_secs(60);

/// A place that a job needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum Place {
    Database,
    Bucket,
    Hub,
}

pub struct Town {
    folder: TempDir,
    /// Each place, as the worker and the caller reach it.
    proxies: [Proxy; 3],
    /// The database and the bucket, as they are.
    jobs: PostgresStore,
    artifacts: ArtifactStore,
    bucket: S3Options,
    caller: Arc<PostgresStore>,
    hub: FakeHub,
    lives: AtomicUsize,
    weights_bytes: usize,
}

const FILES: &[(&str, &[u8])] = &[
    ("config.json", b"{}"),
    ("model.safetensors", &[7; 4_000]),
    ("train.tsv", b"text\nhello\n"),
];

impl Town {
    /// Jobs there make so many bytes of weights.
    pub async fn new(weights_bytes: usize) -> Self {
        let url = postgres::database().await;
        let jobs = postgres::store(&url).await;
        let database = Proxy::start(authority(&url), Kind::Postgres);
        let caller = PostgresStore::open(&database.url(&url), 8).await.unwrap();
        let (options, artifacts) = bucket::place();
        let endpoint = options.endpoint.clone().unwrap();
        let s3 = Proxy::start(authority(&endpoint), Kind::Http);
        let hub = FakeHub::start(FILES).await;
        let hub_proxy = Proxy::start(authority(&hub.url), Kind::Http);
        Self {
            folder: tempfile::tempdir().unwrap(),
            jobs,
            artifacts,
            bucket: options,
            caller: Arc::new(caller.within(PATIENCE.answer)),
            proxies: [database, s3, hub_proxy],
            hub,
            lives: AtomicUsize::new(0),
            weights_bytes,
        }
    }

    pub fn proxy(&self, place: Place) -> &Proxy {
        &self.proxies[place as usize]
    }

    /// A whole life of a job, from its acceptance to files that open; the job has one attempt.
    pub async fn life(&self) -> Job {
        let life = self.lives.fetch_add(1, Ordering::SeqCst) + 1;
        let stop = CancellationToken::new();
        let running = self.start(life, &stop);
        let id = self.submit(life).await;
        let job = self.ended(id).await;
        stop.cancel();
        let stopped = tokio::time::timeout(Duration::from_secs(10), running).await;
        stopped
            .expect("the worker hears that it is to stop")
            .unwrap();
        self.check(&job, life).await;
        job
    }

    fn start(&self, life: usize, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
        // Each life fetches everything anew.
        let cache = self.folder.path().join(format!("cache-{life}"));
        let hub_url = self.proxy(Place::Hub).url(&self.hub.url);
        let sources = Sources::new(Roots::default()).with_hub(
            Hub::new(&hub_url, None).unwrap().with_patience(PATIENCE),
            Cache::open(&cache, 1 << 20).unwrap(),
        );
        let endpoint = self.bucket.endpoint.clone().unwrap();
        let artifacts = ArtifactStore::s3(S3Options {
            endpoint: Some(self.proxy(Place::Bucket).url(&endpoint)),
            ..self.bucket.clone()
        });
        let health = Health::new(artifacts.unwrap().with_patience(PATIENCE));
        let (wake, weights_bytes) = (Arc::new(Notify::new()), self.weights_bytes);
        let jobs = Arc::clone(&self.caller) as Arc<dyn JobStore>;
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
                name: format!("worker-{life}"),
                device: Device::Cpu,
                quota: Quota::default(),
                lease: Duration::from_secs(4),
                heartbeat: Duration::from_millis(150),
                poll: Duration::from_millis(100),
                after_outage: Duration::from_millis(300),
                pulse: Pulses::default().watch("worker", Duration::MAX),
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

    /// Queues a job as a caller who repeats a request until it is answered, with one key.
    async fn submit(&self, life: usize) -> JobId {
        let mut job = NewJob {
            max_attempts: 1,
            ..new_job("hf://org/model@v1")
        };
        job.recipe.calibration.source.uri = "hf://datasets/org/data@v1/train.tsv".into();
        let key = IdempotencyKey {
            key: format!("life {life}"),
            body_sha256: "00".into(),
        };
        let start = Instant::now();
        loop {
            let created = self
                .caller
                .create(job.clone(), Some(key.clone()), Quota::default());
            match created.await {
                Ok(Created::New(job) | Created::Replayed(job)) => return job.id,
                Err(error) => assert!(
                    error.is_outage() && start.elapsed() < MOST,
                    "a caller is told to try again, and not: {error}"
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
            assert!(start.elapsed() < MOST, "after {MOST:?}: {job:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Nothing is lost, and nothing is there twice.
    async fn check(&self, job: &Job, life: usize) {
        assert_eq!(job.state, State::Succeeded, "{job:?}");
        let every = JobFilter::default();
        let all = self.jobs.list(&Scope::Service, &every, None, 1_000);
        assert_eq!(all.await.unwrap().0.len(), life, "one job for each request");
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
                content.unwrap_or_else(|error| panic!("{} does not open: {error}", file.key));
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
            "a lock and a folder of the last worker"
        );
        let prefix = Key::job(&job.id.to_string()).unwrap();
        self.artifacts.delete_prefix(&prefix).await.unwrap();
    }
}

/// Works for a few heartbeats.
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
    assert_eq!(read, FILES[1].1, "what was fetched is what the hub has");
    std::fs::create_dir_all(&places.out)?;
    std::fs::write(places.out.join("report.json"), run.to_string())?;
    std::fs::write(
        places.out.join("model.safetensors"),
        vec![run as u8; weights_bytes],
    )?;
    Ok(report())
}

/// Host and port of a URL.
fn authority(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap();
    authority.rsplit('@').next().unwrap().to_owned()
}
