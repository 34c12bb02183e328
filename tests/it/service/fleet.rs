//! One service, workers in separate processes, one database and one bucket.
//!
//! Each job finishes exactly once, whichever of them is killed or unavailable.

use optin::artifact::key::Key;
use optin::artifact::s3::S3Options;
use optin::artifact::store::ArtifactStore;
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tokio::runtime::Runtime;

use super::kill::folder;
use super::process::{Client, Server, optin, wait_until};
use crate::fixture::folder::Folder;
use crate::fixture::services::Service;
use crate::fixture::{bucket, postgres};

/// Lease duration. It is short, so that the job of a killed worker is soon requeued.
const LEASE: &str = "4s";

/// A database, a bucket and the commands that start services and workers over them.
pub struct Fleet {
    pub folder: Folder,
    pub database: String,
    pub bucket: S3Options,
    pub files: ArtifactStore,
    pub runtime: Runtime,
    pub client: Client,
}

impl Fleet {
    pub fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let database = runtime.block_on(postgres::database());
        Self::over(runtime, database, bucket::options())
    }

    fn over(runtime: Runtime, database: String, bucket: S3Options) -> Self {
        Self {
            folder: folder(),
            database,
            files: ArtifactStore::s3(bucket.clone()).unwrap(),
            bucket,
            runtime,
            client: Client::new(),
        }
    }

    pub fn command(&self, verb: &str, name: &str) -> Command {
        let mut command = optin();
        let keys = self.bucket.keys.as_ref().unwrap();
        command
            .args([verb, "--listen", "127.0.0.1:0", "--log-format", "json"])
            .args(["--log", "info", "--lease", LEASE])
            .arg("--data-dir")
            .arg(self.folder.root.path().join(name))
            .arg("--source-root")
            .arg(self.folder.root.path())
            .env("DATABASE_URL", &self.database)
            // Services that share a database need the same key.
            .env(
                "OPTIN_SECRETS_KEY",
                self.folder.root.path().join("secrets.key"),
            )
            .arg("--storage-url")
            .arg(format!(
                "s3://{}/{}",
                self.bucket.bucket, self.bucket.prefix
            ))
            .env("AWS_ENDPOINT_URL", self.bucket.endpoint.as_ref().unwrap())
            .env("AWS_ACCESS_KEY_ID", &keys.id)
            .env("AWS_SECRET_ACCESS_KEY", bucket::secret());
        command
    }

    pub fn service(&self) -> Server {
        let mut command = self.command("serve", "service");
        Server::launch(command.args(["--workers", "0"]))
    }

    pub fn worker(&self, name: &str) -> Server {
        Server::launch(&mut self.command("worker", name))
    }

    /// Returns the objects under a prefix, with the times at which they were stored in milliseconds.
    fn objects(&self, prefix: &Key) -> BTreeMap<String, i64> {
        let listed = self.runtime.block_on(self.files.list(prefix)).unwrap();
        listed
            .into_iter()
            .map(|object| (object.key, object.modified_ms))
            .collect()
    }

    /// Returns the entries of the stage cache, with the times at which they were stored in milliseconds.
    fn cache_entries(&self) -> BTreeMap<String, i64> {
        self.objects(&Key::journals())
    }

    /// Returns the keys of the files of a job.
    fn stored_files(&self, id: &str) -> Vec<String> {
        self.objects(&Key::job(id).unwrap()).into_keys().collect()
    }

    /// Checks that the job succeeded once, that its files match their digests, and that other attempts have no files.
    fn check(&self, service: &Server, job: &Value) {
        assert_eq!(job["state"], "succeeded", "{job}");
        let id = job["id"].as_str().unwrap();
        let list = self
            .client
            .get(&format!("{}/v1/jobs/{id}/artifacts", service.url));
        for file in list["data"].as_array().unwrap() {
            let url = format!("{}{}", service.url, file["href"].as_str().unwrap());
            let path: PathBuf = self.folder.root.path().join("download");
            std::fs::write(&path, self.client.bytes(&url)).unwrap();
            assert_eq!(
                optin::prune::digest::sha256_of(&path).unwrap(),
                file["sha256"].as_str().unwrap()
            );
        }
        // The page reads files of the result from the bucket.
        let page = self.client.bytes(&format!("{}/jobs/{id}", service.url));
        let page = String::from_utf8(page).unwrap();
        for text in ["class=\"on level", "from_pretrained", "onnxruntime"] {
            assert!(page.contains(text), "{text}: {page}");
        }
        let own = format!("jobs/{id}/{}/", job["attempt"]);
        wait_until("files of other attempts are gone", || {
            let stored = self.stored_files(id);
            stored.len() == 13 && stored.iter().all(|key| key.starts_with(&own))
        });
        let events = self
            .client
            .get(&format!("{}/v1/jobs/{id}/events?limit=1000", service.url));
        let ends = events["data"].as_array().unwrap();
        assert_eq!(
            ends.iter()
                .filter(|event| event["type"] == "succeeded")
                .count(),
            1
        );
    }
}

#[test]
fn another_worker_resumes_the_job_of_a_killed_worker_from_its_cached_stages() {
    let fleet = Fleet::new();
    let service = fleet.service();
    let first = fleet.worker("first");
    let id = fleet.client.create(&service, &fleet.folder);
    wait_until("the stage cache has three entries", || {
        fleet.cache_entries().len() >= 3
    });
    first.kill();
    let entries_before = fleet.cache_entries();
    assert!(
        fleet.stored_files(&id).is_empty(),
        "the worker was killed after it had published files"
    );
    let _second = fleet.worker("second");
    let job = fleet.client.wait_until_finished(&service, &id);
    fleet.check(&service, &job);
    assert_eq!(job["attempt"], 2);
    let entries = fleet.cache_entries();
    for (name, at) in &entries_before {
        assert_eq!(entries.get(name), Some(at), "{name} was computed again");
    }
    assert!(entries.len() > entries_before.len());
}

#[test]
fn a_worker_whose_lease_expired_while_it_was_stopped_cannot_publish() {
    let fleet = Fleet::new();
    let service = fleet.service();
    let stopped = fleet.worker("stopped");
    let id = fleet.client.create(&service, &fleet.folder);
    wait_until("the stage cache has an entry", || {
        !fleet.cache_entries().is_empty()
    });
    stopped.signal("STOP");
    let second = fleet.worker("second");
    let job = fleet.client.wait_until_finished(&service, &id);
    assert_eq!(job["attempt"], 2);
    stopped.signal("CONT");
    // At its next heartbeat, the worker notices that the lease is lost. It removes the files that it stored and runs
    // other jobs.
    drop(second);
    let next = fleet.client.create(&service, &fleet.folder);
    let next = fleet.client.wait_until_finished(&service, &next);
    fleet.check(&service, &next);
    fleet.check(&service, &fleet.client.wait_until_finished(&service, &id));
    assert_eq!(fleet.client.wait_until_finished(&service, &id), job);
}

#[test]
fn jobs_succeed_although_database_connections_are_repeatedly_terminated() {
    let fleet = Fleet::new();
    let service = fleet.service();
    let _worker = fleet.worker("worker");
    let ids: Vec<_> = (0..2)
        .map(|_| fleet.client.create(&service, &fleet.folder))
        .collect();
    for _ in 0..8 {
        let cut = async {
            let mut connection = PgConnection::connect(&fleet.database).await.unwrap();
            sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .execute(&mut connection)
            .await
            .unwrap();
        };
        fleet.runtime.block_on(cut);
        std::thread::sleep(Duration::from_millis(150));
    }
    for id in ids {
        fleet.check(&service, &fleet.client.wait_until_finished(&service, &id));
    }
}

#[test]
fn jobs_succeed_after_the_database_and_the_bucket_crash_and_restart() {
    let (database, gateway) = (Service::start("postgres"), Service::start("rgw"));
    let mut options = bucket::options();
    options.endpoint = Some(gateway.setting("S3_ENDPOINT"));
    let runtime = Runtime::new().unwrap();
    let fleet = Fleet::over(runtime, database.setting("DATABASE_URL"), options);
    let service = fleet.service();
    let _worker = fleet.worker("worker");
    let id = fleet.client.create(&service, &fleet.folder);
    wait_until("the stage cache has an entry", || {
        !fleet.cache_entries().is_empty()
    });
    database.crash();
    std::thread::sleep(Duration::from_millis(500));
    let status = fleet
        .client
        .status(&format!("{}/v1/jobs/{id}", service.url));
    assert_eq!(status, 503);
    database.restart();
    fleet.check(&service, &fleet.client.wait_until_finished(&service, &id));
    let id = fleet.client.create(&service, &fleet.folder);
    gateway.crash();
    std::thread::sleep(Duration::from_secs(2));
    gateway.restart();
    fleet.check(&service, &fleet.client.wait_until_finished(&service, &id));
}

/// The client does not know whether the server received its POST, and sends the POST again.
#[test]
fn a_post_that_is_repeated_after_a_kill_creates_one_job() {
    let fleet = Fleet::new();
    let mut service = fleet.service();
    for round in 0..6u64 {
        let key = format!("order-{round}");
        let url = service.url.clone();
        std::thread::scope(|scope| {
            // The kill may come before or after the response.
            scope.spawn(|| Client::new().try_create(&url, &fleet.folder, &key));
            std::thread::sleep(Duration::from_millis(4 * round));
            service.kill();
        });
        service = fleet.service();
        let id = fleet.client.try_create(&service.url, &fleet.folder, &key);
        let again = fleet.client.try_create(&service.url, &fleet.folder, &key);
        assert!(id.is_some() && id == again);
        let list = fleet
            .client
            .get(&format!("{}/v1/jobs?limit=100", service.url));
        assert_eq!(list["data"].as_array().unwrap().len() as u64, round + 1);
    }
}
