//! Measures the throughput and latency of the job queue over a large history:
//!
//!     cargo bench --bench queue -- --database-url postgres://user@host/database [--finished 1000000] [--queued 10000]
//!         [--tenants 100]
//!
//! It measures SQLite (a file in a temporary folder) and the given PostgreSQL server (a new database on it). For
//! comparison, it also measures a bare `SKIP LOCKED` loop on a table of three columns: what the server can do if only
//! the state of each job is stored. Prints one table.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot continue reports the location"
)]

mod reads;
mod times;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use optin::job::queue::{Claimer, Quota};
use optin::job::store::postgres::PostgresStore;
use optin::job::store::sqlite::SqliteStore;
use optin::job::store::{Created, JobStore, Outcome};
use optin::job::{Device, JobId, Lease, NewJob, TenantId};
use optin::prune::failure::{Code, Failure};
use optin::prune::recipe::Recipe;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use reads::reads;
use times::Times;

const CLAIMERS: usize = 8;

#[derive(Parser)]
struct Flags {
    /// URL of a PostgreSQL database; the benchmark creates another database on its server
    #[arg(long)]
    database_url: String,
    /// Number of ended jobs
    #[arg(long, default_value_t = 1_000_000)]
    finished: u64,
    /// Number of queued jobs
    #[arg(long, default_value_t = 10_000)]
    queued: u64,
    /// Number of tenants, which own the queued jobs in equal parts
    #[arg(long, default_value_t = 100)]
    tenants: u64,
    /// Passed by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn new_job() -> NewJob {
    let recipe = serde_json::json!({
        "model": {"uri": "file:///models/a"},
        "calibration": {
            "uri": "file:///data/a.tsv",
            "mapping": {"text": null, "text_pair": null, "label": null},
            "max_samples": 512, "seed": 0
        },
        "evaluation": null,
        "target": {"metric": "flops", "keep": 0.5, "tolerance": 0.01},
        "method": optin::prune::recipe::Method::default(),
    });
    NewJob {
        tenant: TenantId::only(),
        device: Device::Cpu,
        priority: 0,
        recipe: serde_json::from_value::<Recipe>(recipe).unwrap(),
        labels: Default::default(),
        deadline_ms: None,
        max_attempts: 3,
        retry_of: None,
        trace: None,
    }
}

fn claimer(index: usize) -> Claimer {
    Claimer {
        worker: format!("w{index}"),
        device: Device::Cpu,
        quota: Quota::default(),
        lease_ms: 60_000,
    }
}

/// Ends a job in the cheapest way, as failed.
async fn finish(store: &dyn JobStore, lease: &Lease) {
    let failed = Outcome::Failed(Failure::new(Code::InvalidData, "a benchmark"));
    store.finish(lease, failed).await.unwrap();
}

/// Claims and ends jobs until none is queued.
async fn drain(store: &Arc<dyn JobStore>, name: &str) {
    let start = Instant::now();
    let claimers = (0..CLAIMERS).map(|index| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let mut times = Vec::new();
            loop {
                let begun = Instant::now();
                let Some((_, lease)) = store.claim(&claimer(index)).await.unwrap() else {
                    return times;
                };
                times.push(begun.elapsed());
                finish(store.as_ref(), &lease).await;
            }
        })
    });
    Times::of(claimers).await.line(
        &format!("{name}: claim and end, {CLAIMERS} claimers"),
        start.elapsed(),
    );
}

/// Measures the time from the acceptance of a job to its claim by one of the waiting claimers, at 50 jobs per second.
async fn start_latency(store: &Arc<dyn JobStore>, wake: &Arc<Notify>, notify: bool, name: &str) {
    let (claims, mut claimed) = tokio::sync::mpsc::unbounded_channel();
    let claimers = (0..CLAIMERS).map(|index| {
        let (store, wake, claims) = (Arc::clone(store), Arc::clone(wake), claims.clone());
        tokio::spawn(async move {
            loop {
                if let Some((job, lease)) = store.claim(&claimer(index)).await.unwrap() {
                    claims.send((job.id, Instant::now())).unwrap();
                    finish(store.as_ref(), &lease).await;
                    continue;
                }
                let _ = tokio::time::timeout(Duration::from_secs(1), wake.notified()).await;
            }
        })
    });
    let claimers: Vec<_> = claimers.collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (start, mut sent) = (Instant::now(), std::collections::HashMap::new());
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..500 {
        ticks.tick().await;
        let begun = Instant::now();
        let created = store
            .create(new_job(), None, Quota::default())
            .await
            .unwrap();
        if notify {
            wake.notify_one();
        }
        let Created::New(job) = created else {
            unreachable!()
        };
        sent.insert(job.id, begun);
    }
    let mut times = Vec::new();
    while times.len() < 500 {
        let (id, at) = claimed.recv().await.unwrap();
        times.push(at - sent[&id]);
    }
    Times(times).line(
        &format!("{name}: POST transaction to claim, 50 jobs/s"),
        start.elapsed(),
    );
    claimers.iter().for_each(JoinHandle::abort);
}

/// Creates a job to read, and returns its ID.
async fn queued_job(store: &dyn JobStore) -> JobId {
    let created = store.create(new_job(), None, Quota::default()).await;
    let Created::New(job) = created.unwrap() else {
        unreachable!()
    };
    job.id
}

async fn sqlite(flags: &Flags, folder: &std::path::Path) {
    let path = folder.join("jobs.sqlite");
    let store = SqliteStore::open(&path).await.unwrap();
    store
        .create(new_job(), None, Quota::default())
        .await
        .unwrap();
    drop(store);
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let Flags {
        finished,
        queued,
        tenants,
        ..
    } = *flags;
    let others = "device, priority, recipe, model_uri, labels, max_attempts, not_before, created_at, version";
    let columns = format!("tenant, {others}");
    let series = |count| {
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})")
    };
    for statement in [
        format!("{} INSERT INTO jobs (id, state, finished_at, failure, {columns})
             SELECT printf('job_00000000-0000-7000-8000-%012x', i), 'failed', created_at, '{{}}', {columns} FROM n, jobs", series(finished)),
        format!("{} INSERT INTO jobs (id, state, {columns})
             SELECT printf('job_10000000-0000-7000-8000-%012x', i), 'queued', 't' || (i % {tenants}), {others} FROM n, (SELECT * FROM jobs WHERE state = 'queued' LIMIT 1)", series(queued)),
        "ANALYZE".to_owned(),
    ] {
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    connection.close().await.unwrap();
    let opened: Arc<dyn JobStore> = Arc::new(SqliteStore::open(&path).await.unwrap());
    drain(&opened, "sqlite").await;
    start_latency(&opened, &Arc::new(Notify::new()), true, "sqlite").await;
    let id = queued_job(opened.as_ref()).await;
    // Only one process may open the file: close it here before the service opens it.
    drop(opened);
    tokio::time::sleep(Duration::from_millis(500)).await;
    reads(&["--data-dir", &folder.display().to_string()], id, "sqlite").await;
}

async fn postgres(flags: &Flags, folder: &std::path::Path) {
    let name = format!("bench_{}", uuid::Uuid::new_v4().simple());
    let mut server = PgConnection::connect(&flags.database_url).await.unwrap();
    server
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    let (start, _) = flags.database_url.rsplit_once('/').unwrap();
    let url = format!("{start}/{name}");
    let store = Arc::new(PostgresStore::open(&url, 24).await.unwrap());
    store
        .create(new_job(), None, Quota::default())
        .await
        .unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let Flags {
        finished,
        queued,
        tenants,
        ..
    } = *flags;
    let others = "device, priority, recipe, model_uri, labels, max_attempts, not_before, created_at, version";
    let columns = format!("tenant, {others}");
    for statement in [
        format!("INSERT INTO jobs (id, state, finished_at, failure, {columns})
             SELECT gen_random_uuid(), 'failed', created_at, '{{}}', {columns} FROM generate_series(1, {finished}), jobs"),
        format!("INSERT INTO jobs (id, state, {columns})
             SELECT gen_random_uuid(), 'queued', 't' || (i % {tenants}), {others} FROM generate_series(2, {queued}) AS i, (SELECT * FROM jobs WHERE state = 'queued' LIMIT 1) AS one"),
        format!("CREATE TABLE bare AS SELECT gen_random_uuid() AS id, 'done' AS state, i AS rank FROM generate_series(1, {finished}) AS i"),
        format!("INSERT INTO bare SELECT gen_random_uuid(), 'queued', i FROM generate_series(1, {queued}) AS i"),
        "ALTER TABLE bare ADD PRIMARY KEY (id)".to_owned(),
        "CREATE INDEX bare_queued ON bare (rank) WHERE state = 'queued'".to_owned(),
        "VACUUM ANALYZE".to_owned(),
    ] {
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    bare(&url).await;
    let jobs: Arc<dyn JobStore> = Arc::clone(&store) as _;
    drain(&jobs, "postgres").await;
    let wake = Arc::new(Notify::new());
    let listening = {
        let (store, wake) = (Arc::clone(&store), Arc::clone(&wake));
        tokio::spawn(async move { store.wake_on_jobs(wake).await })
    };
    start_latency(&jobs, &wake, false, "postgres, woken by NOTIFY").await;
    listening.abort();
    let data = folder.display().to_string();
    let id = queued_job(jobs.as_ref()).await;
    reads(
        &["--data-dir", &data, "--database-url", &url],
        id,
        "postgres",
    )
    .await;
    drop((jobs, store, connection));
    server
        .execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .await
        .unwrap();
}

/// Measures the limit of the server: one statement claims a row, another ends it, and nothing else is stored.
async fn bare(url: &str) {
    let start = Instant::now();
    let claimers = (0..CLAIMERS).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let mut times = Vec::new();
            loop {
                let begun = Instant::now();
                let taken: Option<(uuid::Uuid,)> = sqlx::query_as(
                    "UPDATE bare SET state = 'running' WHERE id = (
                         SELECT id FROM bare WHERE state = 'queued' ORDER BY rank LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id",
                )
                .fetch_optional(&mut connection)
                .await
                .unwrap();
                let Some((id,)) = taken else { return times };
                times.push(begun.elapsed());
                let ended = sqlx::query("UPDATE bare SET state = 'done' WHERE id = $1").bind(id);
                ended.execute(&mut connection).await.unwrap();
            }
        })
    });
    Times::of(claimers).await.line(
        &format!("bare SKIP LOCKED loop, {CLAIMERS} claimers"),
        start.elapsed(),
    );
}

#[tokio::main]
async fn main() {
    let flags = Flags::parse();
    let folder = tempfile::tempdir().unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!(
        "{} ended jobs, {} queued jobs of {} tenants",
        flags.finished, flags.queued, flags.tenants
    );
    for name in ["sqlite", "postgres"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    postgres(&flags, &folder.path().join("postgres")).await;
    sqlite(&flags, &folder.path().join("sqlite")).await;
}
