//! Decides by file names alone whether a set of files is a model, and explains what it is otherwise. The same rules and
//! messages apply to a folder, an archive and a repository of a hub.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::error::CheckpointError;

/// Name of the configuration file.
pub const CONFIG: &str = "config.json";
/// Name of the weights in a single file.
pub const WEIGHTS: &str = "model.safetensors";
/// Name of the index that lists the shard of each tensor.
pub const INDEX: &str = "model.safetensors.index.json";

/// Extensions of pickle files.
const PICKLES: [&str; 5] = [".bin", ".pt", ".pth", ".ckpt", ".pkl"];

/// Beginnings of the names of pickle files that a `Trainer` writes beside the weights.
const TRAINING_STATE: [&str; 5] = [
    "training_args",
    "optimizer",
    "scheduler",
    "rng_state",
    "scaler",
];

/// Maximum number of folders that a message names.
const MAX_NAMED: usize = 5;

/// Returns whether the files with these names, all from one folder, are a model: a configuration and weights.
pub fn is_whole<'a>(names: impl IntoIterator<Item = &'a str>) -> bool {
    let (mut config, mut weights) = (false, false);
    for name in names {
        config |= name == CONFIG;
        weights |= name == WEIGHTS || name == INDEX;
    }
    config && weights
}

/// Checks that the files at these paths are a model. The paths are relative to the folder, archive or repository that
/// `of` names.
///
/// # Errors
/// Returns the error of [`refusal`] if the files are not a model.
pub fn check(of: &dyn Display, paths: &[&str]) -> Result<(), CheckpointError> {
    match is_whole(paths.iter().copied()) {
        true => Ok(()),
        false => Err(refusal(of, paths)),
    }
}

/// Returns the error for files that are not a model. It says what they are instead, and how to fix that. The paths are
/// relative to the folder, archive or repository that `of` names.
#[must_use]
pub fn refusal(of: &dyn Display, paths: &[&str]) -> CheckpointError {
    let top: Vec<&str> = (paths.iter().copied())
        .filter(|path| !path.contains('/'))
        .collect();
    let has = |name: &str| top.contains(&name);
    if has("adapter_config.json") {
        return CheckpointError::UnsupportedModel(format!(
            "{of} is a PEFT adapter (adapter_config.json), not a complete model; merge it into its base model with \
             merge_and_unload(), then save the result with save_pretrained()"
        ));
    }
    if has("model_index.json") {
        return CheckpointError::UnsupportedModel(format!(
            "{of} is a diffusers pipeline (model_index.json), not a single model with a classification head"
        ));
    }
    let subfolders = Subfolders::of(paths);
    if let Some(named) = listed(&subfolders.whole) {
        return CheckpointError::NotFound(format!(
            "{of} itself is not a complete model, but its subfolder {named} is; name that folder"
        ));
    }
    if !has(CONFIG)
        && let Some(named) = listed(subfolders.likely())
    {
        return CheckpointError::NotFound(format!(
            "{of} itself contains no config.json, but its subfolder {named} does; name that folder"
        ));
    }
    if let Some(named) = listed(&subfolders.weights).filter(|_| has(CONFIG)) {
        return CheckpointError::Invalid(format!(
            "{of} contains config.json, but the weights are in another folder, {named}; put both into one folder"
        ));
    }
    if let Some(foreign) = foreign(of, &top, paths) {
        return foreign;
    }
    CheckpointError::NotFound(match has(CONFIG) {
        false => {
            format!("{of} contains no config.json; name a folder that save_pretrained() wrote")
        }
        true => {
            format!("{of} contains no model.safetensors; save the model with save_pretrained()")
        }
    })
}

/// Subfolders by their content.
#[derive(Default)]
struct Subfolders<'a> {
    /// Folders with a configuration and readable weights.
    whole: BTreeSet<&'a str>,
    /// Folders with a configuration.
    config: BTreeSet<&'a str>,
    /// Folders with readable weights.
    weights: BTreeSet<&'a str>,
    /// Folders with safetensors or pickle files of any name.
    any_weights: BTreeSet<&'a str>,
}

impl<'a> Subfolders<'a> {
    fn of(paths: &[&'a str]) -> Self {
        let mut subfolders = Self::default();
        for (folder, name) in paths.iter().filter_map(|path| path.rsplit_once('/')) {
            if name == CONFIG {
                subfolders.config.insert(folder);
            }
            if name == WEIGHTS || name == INDEX {
                subfolders.weights.insert(folder);
            }
            if name.ends_with(".safetensors") || is_pickle(name) {
                subfolders.any_weights.insert(folder);
            }
        }
        subfolders.whole = &subfolders.config & &subfolders.weights;
        subfolders
    }

    /// Returns the folders with a configuration. If some of them also have weights, returns only those.
    fn likely(&self) -> BTreeSet<&'a str> {
        let with_weights = &self.config & &self.any_weights;
        match with_weights.is_empty() {
            true => self.config.clone(),
            false => with_weights,
        }
    }
}

/// Lists folders for a message, topmost first. Returns `None` if there are none.
fn listed<'a>(folders: impl std::borrow::Borrow<BTreeSet<&'a str>>) -> Option<String> {
    let mut names: Vec<&str> = folders.borrow().iter().copied().collect();
    names.sort_by_key(|name| name.matches('/').count());
    let more = names.len().saturating_sub(MAX_NAMED);
    names.truncate(MAX_NAMED);
    let more = match more {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    (!names.is_empty()).then(|| format!("{}/{more}", names.join("/ or ")))
}

fn is_pickle(name: &str) -> bool {
    PICKLES.iter().any(|ending| name.ends_with(ending))
        && !TRAINING_STATE.iter().any(|start| name.starts_with(start))
}

/// Returns the error for weights under another name or in another format, or `None` if there are none.
fn foreign(of: &dyn Display, top: &[&str], paths: &[&str]) -> Option<CheckpointError> {
    if top.contains(&WEIGHTS) || top.contains(&INDEX) {
        return None;
    }
    let find = |wanted: &dyn Fn(&str) -> bool| top.iter().copied().find(|name| wanted(name));
    let unsupported = |name: &str, what: &str, remedy: &str| {
        Some(CheckpointError::UnsupportedModel(format!(
            "{of} contains {name} ({what}), but no model.safetensors; {remedy}"
        )))
    };
    if let Some(name) = find(&|name| name.ends_with(".safetensors")) {
        return Some(misnamed(of, name));
    }
    if let Some(name) = find(&is_pickle) {
        return Some(CheckpointError::UnsafeFormat(format!(
            "{of} contains {name} but no model.safetensors; save the model with save_pretrained(path, \
             safe_serialization=True), because pickle can run code and is never opened"
        )));
    }
    if let Some(name) = find(&|name| name.ends_with(".h5") || name == "saved_model.pb") {
        let remedy = "load it with from_pretrained(path, from_tf=True) in transformers 4, then save it with save_pretrained()";
        return unsupported(name, "TensorFlow weights", remedy);
    }
    if let Some(name) = find(&|name| name.ends_with(".msgpack")) {
        let remedy = "load it with from_pretrained(path, from_flax=True) in transformers 4, then save it with save_pretrained()";
        return unsupported(name, "Flax weights", remedy);
    }
    let exported = "use the checkpoint that it was made from";
    if let Some(name) = find(&|name| name.ends_with(".gguf")) {
        return unsupported(name, "llama.cpp weights", exported);
    }
    let graph = paths.iter().find(|path| path.ends_with(".onnx"));
    graph.and_then(|name| unsupported(name, "an exported graph", exported))
}

/// Returns the error for a safetensors file whose name is not the one that transformers uses.
fn misnamed(of: &dyn Display, name: &str) -> CheckpointError {
    let remedy = if name.starts_with("adapter_") {
        "merge this PEFT adapter into its base model with merge_and_unload(), then save the result with save_pretrained()"
            .to_owned()
    } else if name.contains("-of-") {
        format!("it is one shard of several, so copy {INDEX} into the folder too")
    } else if let Some(variant) = name
        .strip_prefix("model.")
        .and_then(|rest| rest.strip_suffix(".safetensors"))
    {
        format!(
            "load it with from_pretrained(path, variant=\"{variant}\"), then save it with save_pretrained()"
        )
    } else {
        format!(
            "rename it to {WEIGHTS} if it contains all weights, under the names that save_pretrained() uses"
        )
    };
    CheckpointError::NotFound(format!("{of} contains {name} but no {WEIGHTS}; {remedy}"))
}
