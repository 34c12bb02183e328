//! One service, workers in processes of their own, one database, one bucket: whatever dies, each job ends once.

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
use super::process::{Client, Server, optin, until};
use crate::fixture::folder::Folder;
use crate::fixture::services::Service;
use crate::fixture::{bucket, postgres};

/// Short, so that a dead worker's job is soon another's.
const LEASE: &str = "4s";

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

    /// Objects under a prefix with the times at which they were stored.
    fn objects(&self, prefix: &Key) -> BTreeMap<String, i64> {
        let listed = self.runtime.block_on(self.files.list(prefix)).unwrap();
        listed
            .into_iter()
            .map(|object| (object.key, object.modified_ms))
            .collect()
    }

    fn documents(&self) -> BTreeMap<String, i64> {
        self.objects(&Key::journals())
    }

    fn stored(&self, id: &str) -> Vec<String> {
        self.objects(&Key::job(id).unwrap()).into_keys().collect()
    }

    /// The job has one result, whose files are there as they were told, and nobody else's are.
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
        let own = format!("jobs/{id}/{}/", job["attempt"]);
        until("files of other attempts are gone", || {
            let stored = self.stored(id);
            stored.len() == 11 && stored.iter().all(|key| key.starts_with(&own))
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
fn a_job_of_a_killed_worker_is_finished_by_another_from_its_stages() {
    let fleet = Fleet::new();
    let service = fleet.service();
    let first = fleet.worker("first");
    let id = fleet.client.create(&service, &fleet.folder);
    until("some blocks are scored", || fleet.documents().len() >= 3);
    first.kill();
    let finished = fleet.documents();
    assert!(fleet.stored(&id).is_empty(), "the kill came too late");
    let _second = fleet.worker("second");
    let job = fleet.client.ended(&service, &id);
    fleet.check(&service, &job);
    assert_eq!(job["attempt"], 2);
    let documents = fleet.documents();
    for (name, at) in &finished {
        assert_eq!(documents.get(name), Some(at), "{name} was made again");
    }
    assert!(documents.len() > finished.len());
}

#[test]
fn a_worker_that_slept_past_its_lease_is_refused() {
    let fleet = Fleet::new();
    let service = fleet.service();
    let sleeper = fleet.worker("sleeper");
    let id = fleet.client.create(&service, &fleet.folder);
    until("it works", || !fleet.documents().is_empty());
    sleeper.signal("STOP");
    let second = fleet.worker("second");
    let job = fleet.client.ended(&service, &id);
    assert_eq!(job["attempt"], 2);
    sleeper.signal("CONT");
    // It finds out at its next beat, takes back what it stored, and works on other jobs.
    drop(second);
    let next = fleet.client.create(&service, &fleet.folder);
    let next = fleet.client.ended(&service, &next);
    fleet.check(&service, &next);
    fleet.check(&service, &fleet.client.ended(&service, &id));
    assert_eq!(fleet.client.ended(&service, &id), job);
}

#[test]
fn connections_that_are_cut_again_and_again_lose_nothing() {
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
        fleet.check(&service, &fleet.client.ended(&service, &id));
    }
}

#[test]
fn a_database_and_a_bucket_that_crash_and_come_back_lose_nothing() {
    let (database, gateway) = (Service::start("postgres"), Service::start("rgw"));
    let mut place = bucket::options();
    place.endpoint = Some(gateway.setting("S3_ENDPOINT"));
    let runtime = Runtime::new().unwrap();
    let fleet = Fleet::over(runtime, database.setting("DATABASE_URL"), place);
    let service = fleet.service();
    let _worker = fleet.worker("worker");
    let id = fleet.client.create(&service, &fleet.folder);
    until("it works", || !fleet.documents().is_empty());
    database.crash();
    std::thread::sleep(Duration::from_millis(500));
    let refused = fleet
        .client
        .status(&format!("{}/v1/jobs/{id}", service.url));
    assert_eq!(refused, 503);
    database.restart();
    fleet.check(&service, &fleet.client.ended(&service, &id));
    let id = fleet.client.create(&service, &fleet.folder);
    gateway.crash();
    std::thread::sleep(Duration::from_secs(2));
    gateway.restart();
    fleet.check(&service, &fleet.client.ended(&service, &id));
}

/// The caller does not know whether its POST arrived, and sends it again.
#[test]
fn a_post_that_is_sent_again_after_a_kill_makes_one_job() {
    let fleet = Fleet::new();
    let mut service = fleet.service();
    for round in 0..6u64 {
        let key = format!("order-{round}");
        let url = service.url.clone();
        std::thread::scope(|scope| {
            // Whether this is answered is a matter of chance.
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
