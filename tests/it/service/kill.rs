//! `kill -9` in each stage: after a restart the job finishes, nothing is lost and nothing is published twice.
//!
//! Where the process is, is read from what it left on disk: scores appear one document a block, the repairs as one, the cut
//! model as a draft folder, published files one by one. What is on disk after the kill says in which stage it hit.

use serde_json::Value;
use std::path::{Path, PathBuf};

use super::process::{Client, Server, names, until};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

/// Large enough that a stage lasts longer than a look.
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

const BLOCKS: usize = 8;

struct Disk {
    data: PathBuf,
}

impl Disk {
    fn documents(&self, stem: &str) -> usize {
        let journal = names(&self.data.join("artifacts/journal/default"));
        journal
            .iter()
            .filter(|name| name.starts_with(stem) && name.ends_with(".safetensors.sealed"))
            .count()
    }

    fn draft(&self) -> Option<PathBuf> {
        let mut folders = self.attempts();
        folders.retain(|folder| folder.to_string_lossy().contains(".draft-"));
        folders.pop()
    }

    /// What attempts of any process have left.
    fn attempts(&self) -> Vec<PathBuf> {
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

    /// Published files of each attempt.
    fn stored(&self, id: &str) -> Vec<(String, usize)> {
        let job = self.data.join("artifacts/jobs").join(id);
        let mut attempts: Vec<_> = names(&job)
            .into_iter()
            .map(|attempt| (attempt.clone(), names(&job.join(&attempt)).len()))
            .collect();
        attempts.sort();
        attempts
    }

    /// The stage that the disk tells of.
    fn stage(&self, id: &str, attempt: &str) -> &'static str {
        let stored = self
            .stored(id)
            .into_iter()
            .find(|(name, _)| name == attempt)
            .map_or(0, |(_, files)| files);
        let cut = self
            .draft()
            .is_some_and(|draft| draft.join("tokenizer.json").exists());
        match (self.documents("scores"), self.documents("compensation")) {
            _ if stored > 0 => "publishing",
            _ if cut => "verifying",
            _ if self.draft().is_some() => "cutting",
            (_, 1) => "compensated",
            (BLOCKS, _) => "compensating",
            (0, _) => "preparing",
            _ => "scoring",
        }
    }
}

fn check(client: &Client, server: &Server, disk: &Disk, job: &Value) {
    assert_eq!(job["state"], "succeeded", "{job}");
    let id = job["id"].as_str().unwrap();
    let list = client.get(&format!("{}/v1/jobs/{id}/artifacts", server.url));
    let files = list["data"].as_array().unwrap();
    assert_eq!(files.len(), 11, "{list}");
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
    // Only the attempt that won has files.
    assert_eq!(disk.stored(id), [(job["attempt"].to_string(), 11)]);
    let events = client.get(&format!("{}/v1/jobs/{id}/events?limit=1000", server.url));
    let ends = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["type"] == "succeeded")
        .count();
    assert_eq!(ends, 1);
    assert!(disk.attempts().is_empty());
}

/// One job for each stage: the server is killed there, and started again.
#[test]
fn a_killed_server_goes_on_where_it_was() {
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
        // A stage may be over between a look and the kill: then the job is done all the same, and another is killed.
        for round in 0..20 {
            let disk = Disk {
                data: folder.root.path().join(format!("data-{stage}-{round}")),
            };
            let server = Server::start(&disk.data, folder.root.path());
            let id = client.create(&server, &folder);
            if stage != "preparing" {
                until(stage, || {
                    disk.stage(&id, "1") == stage
                        || disk.stored(&id).iter().any(|(_, files)| *files == 10)
                });
            }
            server.kill();
            killed_in = disk.stage(&id, "1");
            let scored = disk.documents("scores");
            let server = Server::start(&disk.data, folder.root.path());
            let job = client.ended(&server, &id);
            check(&client, &server, &disk, &job);
            if killed_in == stage {
                // Finished stages were taken up, not made again: no document stands there twice.
                assert!(
                    scored <= BLOCKS
                        && disk.documents("scores") == BLOCKS
                        && disk.documents("compensation") == 1
                );
                break;
            }
        }
        assert_eq!(killed_in, stage);
        hit.push(killed_in);
    }
    assert_eq!(hit.len(), 6);
}

/// The same job, killed again and again at any moment, ends once and whole.
#[test]
fn a_server_that_is_killed_again_and_again_finishes_the_job() {
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
    let job = client.ended(&server, &id);
    check(&client, &server, &disk, &job);
}

/// Everything that the service writes lies on a file system that is too small; once there is room, a retry ends well.
#[test]
fn a_full_disk_fails_the_job_with_its_reason_and_loses_nothing() {
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
    let said = super::process::text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(
        said.contains("the disk is full") && said.contains("free some space"),
        "{said}"
    );
    assert!(Path::new(&small).exists() && !small.join("out").exists());
}
