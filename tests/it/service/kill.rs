//! `kill -9` in each stage: after a restart the job finishes, nothing is lost and nothing is published twice.
//!
//! The test derives the stage of the process from the files on disk:
//!
//! - Scoring writes one cache entry for each block.
//! - Compensation writes one cache entry.
//! - The pruned model is written to a draft folder.
//! - Files are published one by one.
//!
//! The files on disk after the kill show the stage in which the process was killed.

use serde_json::Value;
use std::path::{Path, PathBuf};

use super::process::{Client, Server, names, wait_until};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

/// Returns a folder with a model that is large enough that each stage takes longer than a check of the disk.
pub fn folder() -> Folder {
    Folder::new(Tiny {
        layers: 4,
        hidden: 96,
        heads: 6,
        neurons: 256,
        labels: 3,
        ..Tiny::default()
    })
}

/// Number of blocks of the model: attention and feed-forward in each of the four layers.
const BLOCKS: usize = 12;

/// The data folder of a server.
struct Disk {
    data: PathBuf,
}

impl Disk {
    /// Counts the entries of the stage cache whose names start with `stem`.
    fn cache_entries(&self, stem: &str) -> usize {
        let journal = names(&self.data.join("artifacts/journal/default"));
        journal
            .iter()
            .filter(|name| name.starts_with(stem) && name.ends_with(".safetensors.sealed"))
            .count()
    }

    /// Returns the draft folder of a pruned model, if there is one.
    fn draft(&self) -> Option<PathBuf> {
        let mut folders = self.attempt_folders();
        folders.retain(|folder| folder.to_string_lossy().contains(".draft-"));
        folders.pop()
    }

    /// Returns the folders of all attempts, of all processes.
    fn attempt_folders(&self) -> Vec<PathBuf> {
        let processes = self.data.join("work/attempts");
        let processes = names(&processes)
            .into_iter()
            .map(|name| processes.join(name));
        let folders = processes.flat_map(|process| {
            names(&process)
                .into_iter()
                .map(move |name| process.join(name))
        });
        folders.collect()
    }

    /// Returns the number of published files of each attempt.
    fn published_files(&self, id: &str) -> Vec<(String, usize)> {
        let job = self.data.join("artifacts/jobs").join(id);
        let mut attempts: Vec<_> = names(&job)
            .into_iter()
            .map(|attempt| (attempt.clone(), names(&job.join(&attempt)).len()))
            .collect();
        attempts.sort();
        attempts
    }

    /// Returns the stage of an attempt, derived from the files on disk.
    fn stage(&self, id: &str, attempt: &str) -> &'static str {
        let published = self
            .published_files(id)
            .into_iter()
            .find(|(name, _)| name == attempt)
            .map_or(0, |(_, files)| files);
        let pruned = self
            .draft()
            .is_some_and(|draft| draft.join("tokenizer.json").exists());
        match (
            self.cache_entries("scores"),
            self.cache_entries("compensation"),
        ) {
            _ if published > 0 => "publishing",
            _ if pruned => "verifying",
            _ if self.draft().is_some() => "cutting",
            (_, 1) => "compensated",
            (BLOCKS, _) => "compensating",
            (0, _) => "preparing",
            _ => "scoring",
        }
    }
}

/// Checks that the job succeeded once, that its files match their sizes and digests, and that nothing else remains.
fn check_result(client: &Client, server: &Server, disk: &Disk, job: &Value) {
    assert_eq!(job["state"], "succeeded", "{job}");
    let id = job["id"].as_str().unwrap();
    let list = client.get(&format!("{}/v1/jobs/{id}/artifacts", server.url));
    let files = list["data"].as_array().unwrap();
    assert_eq!(files.len(), 13, "{list}");
    for file in files {
        let bytes = client.bytes(&format!("{}{}", server.url, file["href"].as_str().unwrap()));
        assert_eq!(bytes.len() as u64, file["bytes"].as_u64().unwrap());
        let path = disk.data.join("download");
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(
            optin::prune::digest::sha256_of(&path).unwrap(),
            file["sha256"].as_str().unwrap()
        );
    }
    // Only the attempt that succeeded has files.
    assert_eq!(disk.published_files(id), [(job["attempt"].to_string(), 13)]);
    let events = client.get(&format!("{}/v1/jobs/{id}/events?limit=1000", server.url));
    let ends = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "succeeded")
        .count();
    assert_eq!(ends, 1);
    assert!(disk.attempt_folders().is_empty());
}

/// For each stage, kills the server in that stage and restarts it.
#[test]
fn a_killed_server_resumes_the_job_in_each_stage() {
    let folder = folder();
    let client = Client::new();
    let mut hit = Vec::new();
    for stage in [
        "preparing",
        "scoring",
        "compensating",
        "cutting",
        "verifying",
        "publishing",
    ] {
        let mut killed_in = "nowhere";
        // The stage may end between the check and the kill. The job must still succeed, and the test tries again
        // with a new job.
        for round in 0..20 {
            let disk = Disk {
                data: folder.root.path().join(format!("data-{stage}-{round}")),
            };
            let server = Server::start(&disk.data, folder.root.path());
            let id = client.create(&server, &folder);
            if stage != "preparing" {
                wait_until(&format!("the job is in the stage {stage}"), || {
                    disk.stage(&id, "1") == stage
                        || disk
                            .published_files(&id)
                            .iter()
                            .any(|(_, files)| *files == 10)
                });
            }
            server.kill();
            killed_in = disk.stage(&id, "1");
            let scored = disk.cache_entries("scores");
            let server = Server::start(&disk.data, folder.root.path());
            let job = client.wait_until_finished(&server, &id);
            check_result(&client, &server, &disk, &job);
            if killed_in == stage {
                // Completed stages are resumed, not computed again: no cache entry exists twice.
                assert!(
                    scored <= BLOCKS
                        && disk.cache_entries("scores") == BLOCKS
                        && disk.cache_entries("compensation") == 1
                );
                break;
            }
        }
        assert_eq!(killed_in, stage);
        hit.push(killed_in);
    }
    assert_eq!(hit.len(), 6);
}

/// The job succeeds once, with all its files, although the server is killed six times at different moments.
#[test]
fn a_repeatedly_killed_server_finishes_the_job() {
    let folder = folder();
    let client = Client::new();
    let disk = Disk {
        data: folder.root.path().join("data"),
    };
    let mut server = Server::start(&disk.data, folder.root.path());
    let id = client.create(&server, &folder);
    for kill in 0..6u64 {
        std::thread::sleep(std::time::Duration::from_millis(40 + 130 * kill));
        server.kill();
        server = Server::start(&disk.data, folder.root.path());
    }
    let job = client.wait_until_finished(&server, &id);
    check_result(&client, &server, &disk, &job);
}

/// The output folder and the stage cache of `optin prune` are on a file system that is too small.
#[test]
fn prune_on_a_full_disk_fails_with_a_clear_error_and_leaves_no_output() {
    let folder = folder();
    let small = folder.root.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let script = "mount -t tmpfs -o size=900k tmpfs \"$1\" && shift && exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(&small);
    command
        .arg(env!("CARGO_BIN_EXE_optin"))
        .arg("prune")
        .arg("--out")
        .arg(small.join("out"));
    command
        .arg("--model")
        .arg(folder.model())
        .arg("--calibration")
        .arg(folder.calibration());
    command
        .args([
            "--target",
            "50%",
            "--tolerance",
            "3%",
            "--max-samples",
            "64",
        ])
        .arg("--stage-cache")
        .arg(small.join("journal"));
    let ended = super::process::run(&mut command);
    let errors = super::process::text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("the disk is full") && errors.contains("free some space"),
        "{errors}"
    );
    assert!(Path::new(&small).exists() && !small.join("out").exists());
}
