//! Valid and broken checkpoints. Each kind of damage has an error code, and a message that names the damaged part and
//! the remedy.

mod code;
mod config;
mod cut;
mod hostile;
mod shards;
mod tokenizer;
mod variants;
mod weights;
mod write;
mod wrong_content;
mod wrong_folder;

use optin::answer;
use optin::checkpoint::config::Config;
use optin::checkpoint::error::CheckpointError;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::model::registry;
use optin::model::unit::Units;
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

/// Opens the configuration, the weights and the graph, as a job does.
fn open(folder: &Path, limits: &Limits) -> Result<(), CheckpointError> {
    let config = Config::open(folder, limits)?;
    let weights = Weights::open(folder, limits)?;
    registry::open(&config, weights, Units::Heads)?;
    answer::of(&config).map(|_| ())
}

/// Checks that opening fails with this code and a message that contains all of these words.
fn assert_rejected(folder: &Path, code: Code, words: &[&str]) {
    assert_rejected_within(folder, &Limits::default(), code, words);
}

/// Like [`assert_rejected`], with other limits.
fn assert_rejected_within(folder: &Path, limits: &Limits, code: Code, words: &[&str]) {
    assert_says(&open(folder, limits).unwrap_err().into(), code, words);
}

/// Changes the header of `model.safetensors` and keeps the data.
fn change_header(folder: &Path, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
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

/// Sets one key of `config.json`.
fn set_config(folder: &Path, key: &str, value: Value) {
    let path = folder.join("config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    std::fs::write(path, config.to_string()).unwrap();
}
