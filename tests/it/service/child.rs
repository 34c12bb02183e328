//! The processes in which a service runs its jobs: one ends without harm to the service or to other jobs, and none outlives its
//! job or its service.

use serde_json::Value;
use std::path::Path;

use super::process::{Client, Server, optin, wait_until};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

/// Returns a folder with a model that takes seconds to prune.
fn folder() -> Folder {
    Folder::new(Tiny {
        layers: 8,
        hidden: 192,
        heads: 6,
        neurons: 768,
        ..Tiny::default()
    })
}

/// Starts a service with two workers and a secret in its environment.
fn start(root: &Path) -> Server {
    start_with(root, &[])
}

/// Starts the same service with more flags.
fn start_with(root: &Path, flags: &[&str]) -> Server {
    let mut command = optin();
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.args(["--workers", "2"]).args(flags);
    command.env("AWS_SECRET_ACCESS_KEY", "a-secret");
    command.arg("--data-dir").arg(root.join("data"));
    Server::launch(command.arg("--source-root").arg(root))
}

/// Returns the field of `/proc/ID/stat` after the name, counted from the state.
fn stat(id: u32, field: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(fields.split(' ').nth(field)?.to_owned())
}

/// Returns the running child processes of a process.
fn children(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|&id| {
        stat(id, 1).as_deref() == Some(parent.to_string().as_str())
            && stat(id, 0).as_deref() != Some("Z")
    })
    .collect()
}

/// Returns the codes of the failures after which a job was queued again.
fn requeued(client: &Client, server: &Server, id: &str) -> Vec<Value> {
    let events = client.get(&format!("{}/v1/jobs/{id}/events?limit=1000", server.url));
    let events = events["data"].as_array().unwrap().iter();
    let requeued = events.filter(|event| event["type"] == "requeued");
    requeued
        .map(|event| event["error"]["code"].clone())
        .collect()
}

#[test]
fn a_crash_of_one_job_is_a_failed_attempt_of_this_job_alone() {
    let folder = folder();
    let (client, server) = (Client::new(), start(folder.root.path()));
    let jobs = [(); 2].map(|()| client.create(&server, &folder));
    wait_until("both jobs run", || children(server.id()).len() == 2);
    let crashed = children(server.id())[0];
    // The children do not know the secrets of the service.
    let environment = std::fs::read(format!("/proc/{crashed}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("RAYON_NUM_THREADS=") && !environment.contains("a-secret"));
    let mut kill = std::process::Command::new("kill");
    assert!(
        kill.args(["-ABRT", &crashed.to_string()])
            .status()
            .unwrap()
            .success()
    );
    let ended = jobs
        .each_ref()
        .map(|id| client.wait_until_finished(&server, id));
    let mut attempts = ended.each_ref().map(|job| job["attempt"].as_i64().unwrap());
    attempts.sort_unstable();
    assert!(
        ended.iter().all(|job| job["state"] == "succeeded"),
        "{ended:?}"
    );
    assert_eq!(attempts, [1, 2]);
    let failures = jobs.iter().flat_map(|id| requeued(&client, &server, id));
    assert_eq!(failures.collect::<Vec<_>>(), ["crashed"]);
    assert!(children(server.id()).is_empty());
}

#[test]
fn the_process_of_a_job_ends_when_the_job_is_canceled_and_when_the_service_is_killed() {
    let folder = folder();
    let (client, server) = (Client::new(), start(folder.root.path()));
    let id = client.create(&server, &folder);
    wait_until("the job runs", || !children(server.id()).is_empty());
    let running = children(server.id());
    client.post(&format!("{}/v1/jobs/{id}/cancel", server.url), &Value::Null);
    let job = client.wait_until_finished(&server, &id);
    assert_eq!(job["state"], "canceled", "{job}");
    assert!(running.iter().all(|&id| stat(id, 0).is_none()));
    client.create(&server, &folder);
    wait_until("the next job runs", || !children(server.id()).is_empty());
    let running = children(server.id());
    server.kill();
    wait_until("the process of the job has ended", || {
        let ended = |&id: &u32| stat(id, 0).is_none_or(|state| state == "Z");
        running.iter().all(ended)
    });
}

/// The process of the job is stopped while it reads its data, so it never gets further.
#[test]
fn a_job_whose_preparation_does_not_end_fails_without_a_deadline() {
    let folder = folder();
    let rows = "w1 w2 w3\tclass 0\n".repeat(500_000);
    std::fs::write(folder.calibration(), format!("text\tlabel\n{rows}")).unwrap();
    let server = start_with(folder.root.path(), &["--max-preparing", "1s"]);
    let client = Client::new();
    let id = client.create(&server, &folder);
    wait_until("the job runs", || !children(server.id()).is_empty());
    let child = children(server.id())[0].to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-STOP", &child]).status().unwrap().success());
    let job = client.wait_until_finished(&server, &id);
    assert_eq!(job["state"], "failed", "{job}");
    assert_eq!(job["error"]["code"], "limit_exceeded", "{job}");
    assert_eq!(job["stage"], "preparing", "{job}");
    assert!(children(server.id()).is_empty());
}
