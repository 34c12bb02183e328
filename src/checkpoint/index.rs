//! The index of a sharded checkpoint (`model.safetensors.index.json`).

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::error::CheckpointError;
use super::json;
use super::layout::WEIGHTS;
use super::limits::Limits;

/// The weight files of a checkpoint, and the file of each tensor.
pub(super) struct Index {
    /// File name by tensor name. Empty if there is only one file.
    pub(super) weight_map: HashMap<String, String>,
    /// Whether the checkpoint is a single file without an index.
    single: bool,
}

impl Index {
    /// Returns the index of a checkpoint in a single file.
    pub(super) fn single() -> Self {
        Self {
            weight_map: HashMap::new(),
            single: true,
        }
    }

    /// Parses the content of the index file at this path.
    pub(super) fn parse(
        path: &Path,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Self, CheckpointError> {
        let wrong = |what: &str| CheckpointError::Invalid(format!("{} {what}", path.display()));
        let mut index = json::object(path, bytes, limits.values)?;
        let map = index.remove("weight_map").map(serde_json::from_value);
        let weight_map: HashMap<String, String> = map
            .and_then(Result::ok)
            .ok_or_else(|| wrong("has no valid weight_map from tensor names to file names"))?;
        if weight_map.is_empty() {
            return Err(wrong("lists no shards: its weight_map is empty"));
        }
        if let Some(name) = weight_map.values().find(|name| !is_plain(name)) {
            return Err(wrong(&format!(
                "lists the shard \"{name}\"; a shard must be a .safetensors file directly in the folder"
            )));
        }
        Ok(Self {
            weight_map,
            single: false,
        })
    }

    /// Returns the file names, sorted.
    pub(super) fn files(&self) -> Vec<&str> {
        if self.single {
            return vec![WEIGHTS];
        }
        let names: BTreeSet<&str> = self.weight_map.values().map(String::as_str).collect();
        names.into_iter().collect()
    }
}

/// Returns whether a name is a safetensors file directly in the folder, and not hidden. No other format is safe.
fn is_plain(name: &str) -> bool {
    name.ends_with(".safetensors") && !name.contains(['/', '\\', '\0']) && !name.starts_with('.')
}
