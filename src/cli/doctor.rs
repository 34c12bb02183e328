//! `optin doctor`: checks from this machine whether a deployment would work, with the flags of its services.

use std::fmt::Display;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use url::Url;

use super::exit::Exit;
use super::output;
use super::runtime::runtime;
use super::stores::{Database, open_artifacts};
use crate::artifact::key::Key;
use crate::artifact::manifest::StoredFile;
use crate::artifact::network;
use crate::artifact::store::ArtifactStore;
use crate::config::source::SourceFlags;
use crate::config::storage::StorageFlags;
use crate::worker::scratch::Scratch;

/// Maximum difference between database time and the clock of this machine without a warning. Signed URLs and
/// expiry times are set by one clock and checked by the other.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(5);

/// Minimum free disk space, in bytes; with less, a job may fail.
const MIN_FREE_BYTES: u64 = 10 << 30;

/// Flags of `optin doctor`: the storage and source flags of `optin serve` and `optin worker`.
#[derive(Args)]
pub(super) struct DoctorCommand {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: StorageFlags,
    #[command(flatten)]
    source: SourceFlags,
}

/// The result of a check.
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

/// Runs all checks and prints their results.
///
/// # Errors
/// Returns [`Exit::Broken`] if a check failed.
pub(super) fn run(command: &DoctorCommand) -> Result<(), Exit> {
    let findings = runtime()?.block_on(examine(command));
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
    let (storage, source) = (&command.storage, &command.source);
    let mut findings = vec![
        ("processor", processor()),
        ("data folder", data_folder(storage)),
    ];
    match Database::open(&storage.database, "stop that process to check the database").await {
        Ok(database) => findings.push(("database", clock(&database).await)),
        Err(error) => findings.push(("database", Finding::Bad(error.to_string()))),
    }
    match open_artifacts(storage).await {
        Ok(artifacts) => {
            findings.push((
                "artifact store",
                Finding::Good("can write and read an object".to_owned()),
            ));
            findings.push(("download URLs", downloads(&artifacts).await));
            let sources = source.open(storage, &artifacts);
            findings.push((
                "sources",
                Finding::of(sources.map(|_| {
                    format!(
                        "{} folders, {} buckets, hub {}",
                        source.source_roots.len(),
                        source.source_buckets.len(),
                        source.hub_endpoint
                    )
                })),
            ));
        }
        Err(error) => findings.push(("artifact store", Finding::Bad(error.to_string()))),
    }
    findings.push(("hub", hub(&source.hub_endpoint).await));
    findings
}

fn processor() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    match crate::model::nn::kernel::instruction_set() {
        "portable" => Finding::Doubtful(format!(
            "{cores} cores, no supported vector instructions: several times slower"
        )),
        known => Finding::Good(format!("{cores} cores, {known}")),
    }
}

fn data_folder(storage: &StorageFlags) -> Finding {
    let opened = storage
        .create_data_dir()
        .and_then(|()| Scratch::open(&storage.work_dir()).map(drop));
    if let Err(error) = opened {
        return Finding::Bad(format!("{}: {error}", storage.data_dir().display()));
    }
    match rustix::fs::statvfs(storage.data_dir()) {
        Ok(space) => {
            let free = space.f_bavail * space.f_frsize;
            let text = format!(
                "{} has {} GiB free",
                storage.data_dir().display(),
                free >> 30
            );
            match free < MIN_FREE_BYTES {
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
    let now = match store.clock().await {
        Ok(now) => now,
        Err(error) => return Finding::Bad(error.to_string()),
    };
    let apart = Duration::from_millis((now - before).unsigned_abs());
    match apart > MAX_CLOCK_DIFFERENCE {
        true => Finding::Doubtful(format!(
            "connected, but its clock and the clock of this machine differ by {} s; synchronize both with NTP",
            apart.as_secs()
        )),
        false => Finding::Good("connected, schema up to date, clocks agree".to_owned()),
    }
}

/// Checks whether a client can download an object through a signed URL.
async fn downloads(artifacts: &ArtifactStore) -> Finding {
    let file = StoredFile {
        name: "readiness".parse().expect("the name is valid"),
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
            return Finding::Good("served by the service itself (local artifact store)".to_owned());
        }
        Err(error) => return Finding::Bad(error.to_string()),
    };
    match get(&url).await {
        Ok(200) => Finding::Good("a signed URL returned the object".to_owned()),
        Ok(status) => Finding::Bad(format!(
            "a signed URL returned status {status}; check the credentials and --s3-public-endpoint"
        )),
        Err(error) => Finding::Bad(format!("could not download from a signed URL: {error}")),
    }
}

async fn hub(endpoint: &str) -> Finding {
    match get(endpoint).await {
        Ok(_) => Finding::Good(format!("{endpoint} is available")),
        Err(why) => Finding::Doubtful(format!(
            "{endpoint} is unavailable, so hf:// sources cannot be read from this machine: {why}"
        )),
    }
}

/// Returns the status of a GET request. Errors do not contain the URL, which may hold a signature.
async fn get(url: &str) -> Result<u16, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build();
    let client = client.map_err(|_| "could not create an HTTP client".to_owned())?;
    let url: Url = url.parse().map_err(|_| "invalid URL".to_owned())?;
    let host = network::host(&url);
    let answer = client.get(url).send().await;
    let answer = answer.map_err(|error| network::describe(&error, &host))?;
    Ok(answer.status().as_u16())
}
