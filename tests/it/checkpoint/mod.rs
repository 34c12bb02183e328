//! Checkpoints that are whole, and every way in which they can be broken: each has a code, and words that name the thing
//! and the remedy.

mod ages;
mod config;
mod disguised;
mod elsewhere;
mod shards;
mod tokenizer;
mod weights;
mod written;

use optin::checkpoint::config::Config;
use optin::checkpoint::error::CheckpointError;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::model::registry;
use optin::prune::failure::Code;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

use crate::fixture::bert::Tiny;
use crate::fixture::refusal::assert_says;

fn tiny() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    Tiny::default().write(folder.path());
    folder
}

/// Opens config, weights and graph, as a job does.
fn open(folder: &Path, limits: &Limits) -> Result<(), CheckpointError> {
    let config = Config::open(folder, limits)?;
    let weights = Weights::open(folder, limits)?;
    registry::open(&config, weights).map(|_| ())
}

/// That it fails with this code, and says all of these words.
fn refused(folder: &Path, code: Code, words: &[&str]) {
    refused_within(folder, &Limits::default(), code, words);
}

fn refused_within(folder: &Path, limits: &Limits, code: Code, words: &[&str]) {
    assert_says(&open(folder, limits).unwrap_err().into(), code, words);
}

/// Replaces the header of `model.safetensors`, keeping the data.
fn with_header(folder: &Path, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let path = folder.join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Map<String, Value> =
        serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    change(&mut header);
    let text = serde_json::to_vec(&header).unwrap();
    let mut changed = (text.len() as u64).to_le_bytes().to_vec();
    changed.extend_from_slice(&text);
    changed.extend_from_slice(&bytes[8 + length..]);
    std::fs::write(path, changed).unwrap();
}

fn with_config(folder: &Path, key: &str, value: Value) {
    let path = folder.join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    std::fs::write(path, config.to_string()).unwrap();
}
