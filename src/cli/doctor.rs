//! `optin doctor`: whether a deployment would work, asked from this machine with the flags of its services.

use std::fmt::Display;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use url::Url;

use super::exit::Exit;
use super::output;
use super::stores::{Database, open_artifacts};
use crate::artifact::key::Key;
use crate::artifact::manifest::StoredFile;
use crate::artifact::network;
use crate::artifact::store::ArtifactStore;
use crate::config::storage::StorageFlags;
use crate::config::worker::WorkerFlags;
use crate::worker::scratch::Scratch;

/// Largest difference of the database's clock from this machine's that goes unremarked: signed URLs and
/// expiry times are told by the one and kept by the other.
const CLOCKS_APART: Duration = Duration::from_secs(5);

/// Free space below which a job may fail.
const LITTLE_SPACE_BYTES: u64 = 10 << 30;

/// Flags of `optin doctor`: those of `optin serve` and `optin worker`.
#[derive(Args)]
pub(super) struct DoctorCommand {
    #[command(flatten)]
    storage: StorageFlags,
    #[command(flatten)]
    worker: WorkerFlags,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was found.
enum Finding {
    Good(String),
    Doubtful(String),
    Bad(String),
}

impl Finding {
    fn of<T: Display, E: Display>(found: Result<T, E>) -> Self {
        match found {
            Ok(text) => Self::Good(text.to_string()),
            Err(error) => Self::Bad(error.to_string()),
        }
    }

    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Good(text) => ("ok", text),
            Self::Doubtful(text) => ("warning", text),
            Self::Bad(text) => ("failed", text),
        }
    }
}

/// Examines, and fails when a job would.
pub(super) fn run(command: &DoctorCommand) -> Result<(), Exit> {
    let findings = super::runtime()?.block_on(examine(command));
    let bad = findings
        .iter()
        .filter(|(_, finding)| matches!(finding, Finding::Bad(_)))
        .count();
    if command.json {
        let checks: Vec<Value> = findings
            .iter()
            .map(|(name, finding)| {
                let (state, detail) = finding.parts();
                json!({"check": name, "state": state, "detail": detail})
            })
            .collect();
        output::print_json(&json!({"healthy": bad == 0, "checks": checks}))?;
    } else {
        for (name, finding) in &findings {
            let (state, detail) = finding.parts();
            output::print(&format!("{state:8} {name:15} {detail}"))?;
        }
    }
    match bad {
        0 => Ok(()),
        1 => Err(Exit::Broken("one check failed".to_owned())),
        bad => Err(Exit::Broken(format!("{bad} checks failed"))),
    }
}

async fn examine(command: &DoctorCommand) -> Vec<(&'static str, Finding)> {
    let (storage, worker) = (&command.storage, &command.worker);
    let mut findings = vec![
        ("processor", processor()),
        ("data folder", data_folder(storage)),
    ];
    match Database::open(storage, "ask while it is stopped").await {
        Ok(database) => findings.push(("database", clock(&database).await)),
        Err(error) => findings.push(("database", Finding::Bad(error.to_string()))),
    }
    match open_artifacts(storage).await {
        Ok(artifacts) => {
            findings.push((
                "artifact store",
                Finding::Good("takes and gives back an object".to_owned()),
            ));
            findings.push(("download URLs", downloads(&artifacts).await));
            let sources = worker.sources(storage, &artifacts);
            findings.push((
                "sources",
                Finding::of(sources.map(|_| {
                    format!(
                        "{} folders, {} buckets, the hub {}",
                        worker.source_roots.len(),
                        worker.source_buckets.len(),
                        worker.hub_endpoint
                    )
                })),
            ));
        }
        Err(error) => findings.push(("artifact store", Finding::Bad(error.to_string()))),
    }
    findings.push(("hub", hub(&worker.hub_endpoint).await));
    findings
}

fn processor() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    match crate::model::nn::kernel::instruction_set() {
        "portable" => Finding::Doubtful(format!(
            "{cores} cores, without vector instructions that are used: several times slower"
        )),
        known => Finding::Good(format!("{cores} cores, {known}")),
    }
}

fn data_folder(storage: &StorageFlags) -> Finding {
    let opened = std::fs::create_dir_all(&storage.data_dir)
        .and_then(|()| Scratch::open(&storage.work_dir()).map(drop));
    if let Err(error) = opened {
        return Finding::Bad(format!("{}: {error}", storage.data_dir.display()));
    }
    match rustix::fs::statvfs(&storage.data_dir) {
        Ok(space) => {
            let free = space.f_bavail * space.f_frsize;
            let text = format!("{} has {} GiB free", storage.data_dir.display(), free >> 30);
            match free < LITTLE_SPACE_BYTES {
                true => Finding::Doubtful(text),
                false => Finding::Good(text),
            }
        }
        Err(error) => Finding::Bad(error.to_string()),
    }
}

async fn clock(database: &Database) -> Finding {
    let store = database.store();
    let before = jiff::Timestamp::now().as_millisecond();
    let told = match store.clock().await {
        Ok(told) => told,
        Err(error) => return Finding::Bad(error.to_string()),
    };
    let apart = Duration::from_millis((told - before).unsigned_abs());
    match apart > CLOCKS_APART {
        true => Finding::Doubtful(format!(
            "answers; its clock is {} s apart from this machine's: set both by NTP",
            apart.as_secs()
        )),
        false => Finding::Good("answers, its schema is up to date, the clocks agree".to_owned()),
    }
}

/// Whether someone outside could follow a URL that the bucket signs.
async fn downloads(artifacts: &ArtifactStore) -> Finding {
    let file = StoredFile {
        name: "readiness".to_owned(),
        key: Key::probe().to_string(),
        bytes: 5,
        sha256: String::new(),
    };
    let url = match artifacts
        .signed_url(&file, "text/plain", Duration::from_secs(60))
        .await
    {
        Ok(signed) => signed.url,
        Err(crate::artifact::error::ArtifactError::NoUrls) => {
            return Finding::Good("are served by the service itself (a local store)".to_owned());
        }
        Err(error) => return Finding::Bad(error.to_string()),
    };
    match get(&url).await {
        Ok(200) => Finding::Good("lead to the object".to_owned()),
        Ok(status) => Finding::Bad(format!(
            "a signed URL was answered with {status}: check the keys and the public endpoint"
        )),
        Err(error) => Finding::Bad(format!("a signed URL leads nowhere: {error}")),
    }
}

async fn hub(endpoint: &str) -> Finding {
    match get(endpoint).await {
        Ok(_) => Finding::Good(format!("{endpoint} answers")),
        Err(why) => Finding::Doubtful(format!(
            "{endpoint} does not answer, so hf:// sources cannot be read from here: {why}"
        )),
    }
}

/// The status of an answer. The error names no URL: it may hold a signature.
async fn get(url: &str) -> Result<u16, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build();
    let client = client.map_err(|_| "no HTTP client can be made".to_owned())?;
    let url: Url = url.parse().map_err(|_| "it is no URL".to_owned())?;
    let host = network::host(&url);
    let answer = client.get(url).send().await;
    let answer = answer.map_err(|error| network::told(&error, &host))?;
    Ok(answer.status().as_u16())
}
