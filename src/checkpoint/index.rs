//! The index of a checkpoint in several files (`model.safetensors.index.json`).

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::error::CheckpointError;
use super::json;
use super::layout::WEIGHTS;

/// Which file holds which tensor.
pub(super) struct Index {
    pub(super) weight_map: HashMap<String, String>,
    /// The one file, where there is no index.
    single: bool,
}

impl Index {
    /// One file holds all.
    pub(super) fn single() -> Self {
        Self {
            weight_map: HashMap::new(),
            single: true,
        }
    }

    /// Reads the bytes of the index at this path.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, CheckpointError> {
        let wrong = |what: &str| CheckpointError::Invalid(format!("{} {what}", path.display()));
        let mut index = json::object(path, bytes)?;
        let map = index.remove("weight_map").map(serde_json::from_value);
        let weight_map: HashMap<String, String> = map
            .and_then(Result::ok)
            .ok_or_else(|| wrong("has no weight_map from names of tensors to names of files"))?;
        if weight_map.is_empty() {
            return Err(wrong("names no shards: its weight_map is empty"));
        }
        if let Some(name) = weight_map.values().find(|name| !is_plain(name)) {
            return Err(wrong(&format!(
                "names the shard \"{name}\"; a shard must be a .safetensors file of the folder itself"
            )));
        }
        Ok(Self {
            weight_map,
            single: false,
        })
    }

    /// The files, in the order of their names.
    pub(super) fn files(&self) -> Vec<&str> {
        if self.single {
            return vec![WEIGHTS];
        }
        let names: BTreeSet<&str> = self.weight_map.values().map(String::as_str).collect();
        names.into_iter().collect()
    }
}

/// A file of the folder itself, and of the one safe format.
fn is_plain(name: &str) -> bool {
    name.ends_with(".safetensors") && !name.contains(['/', '\\', '\0']) && !name.starts_with('.')
}
