//! Which files make a model, and what a folder is that lacks them, by its files' names alone: a folder, an archive
//! and a repository of a hub are told the same.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::error::CheckpointError;

/// The configuration.
pub const CONFIG: &str = "config.json";
/// The weights in one file.
pub const WEIGHTS: &str = "model.safetensors";
/// Which shard holds which tensor.
pub const INDEX: &str = "model.safetensors.index.json";

/// Endings of files that hold pickle.
const PICKLES: [&str; 5] = [".bin", ".pt", ".pth", ".ckpt", ".pkl"];

/// What a Trainer keeps in pickle beside the weights.
const STATE_OF_TRAINING: [&str; 5] = [
    "training_args",
    "optimizer",
    "scheduler",
    "rng_state",
    "scaler",
];

/// Folders that one sentence names.
const MOST_NAMED: usize = 5;

/// Whether files of these names, all of one folder, make a model: its configuration and its weights.
pub fn is_whole<'a>(names: impl IntoIterator<Item = &'a str>) -> bool {
    let (mut config, mut weights) = (false, false);
    for name in names {
        config |= name == CONFIG;
        weights |= name == WEIGHTS || name == INDEX;
    }
    config && weights
}

/// Checks that files of these paths, relative to what `of` names, make a model.
///
/// # Errors
/// See [`refusal`].
pub fn check(of: &dyn Display, paths: &[&str]) -> Result<(), CheckpointError> {
    match is_whole(paths.iter().copied()) {
        true => Ok(()),
        false => Err(refusal(of, paths)),
    }
}

/// What it is instead of a model, and what to do. The paths are relative to what `of` names.
#[must_use]
pub fn refusal(of: &dyn Display, paths: &[&str]) -> CheckpointError {
    let top: Vec<&str> = (paths.iter().copied())
        .filter(|path| !path.contains('/'))
        .collect();
    let has = |name: &str| top.contains(&name);
    if has("adapter_config.json") {
        return CheckpointError::UnsupportedModel(format!(
            "{of} is a PEFT adapter (adapter_config.json), not a whole model: merge it into its base model with \
             merge_and_unload(), then save that with save_pretrained(..)"
        ));
    }
    if has("model_index.json") {
        return CheckpointError::UnsupportedModel(format!(
            "{of} is a diffusers pipeline (model_index.json), not one model with a classification head"
        ));
    }
    let below = Below::of(paths);
    if let Some(named) = listed(&below.whole) {
        return CheckpointError::NotFound(format!(
            "{of} is no whole model itself, but {named} in it is: name that folder"
        ));
    }
    if !has(CONFIG)
        && let Some(named) = listed(below.likely())
    {
        return CheckpointError::NotFound(format!(
            "{of} holds no config.json itself, but {named} in it does: name that folder"
        ));
    }
    if let Some(named) = listed(&below.weights).filter(|_| has(CONFIG)) {
        return CheckpointError::Invalid(format!(
            "{of} holds config.json, but the weights are in another folder, {named}: put both into one folder"
        ));
    }
    if let Some(foreign) = foreign(of, &top, paths) {
        return foreign;
    }
    CheckpointError::NotFound(match has(CONFIG) {
        false => {
            format!("{of} holds no config.json; name a folder that save_pretrained(..) wrote")
        }
        true => format!("{of} holds no model.safetensors; save the model with save_pretrained(..)"),
    })
}

/// Folders below the top.
#[derive(Default)]
struct Below<'a> {
    /// With a configuration and weights.
    whole: BTreeSet<&'a str>,
    /// With a configuration.
    config: BTreeSet<&'a str>,
    /// With weights that can be read.
    weights: BTreeSet<&'a str>,
    /// With weights of any format.
    any_weights: BTreeSet<&'a str>,
}

impl<'a> Below<'a> {
    fn of(paths: &[&'a str]) -> Self {
        let mut below = Self::default();
        for (folder, name) in paths.iter().filter_map(|path| path.rsplit_once('/')) {
            if name == CONFIG {
                below.config.insert(folder);
            }
            if name == WEIGHTS || name == INDEX {
                below.weights.insert(folder);
            }
            if name.ends_with(".safetensors") || is_pickle(name) {
                below.any_weights.insert(folder);
            }
        }
        below.whole = &below.config & &below.weights;
        below
    }

    /// Folders with a configuration: those that have weights too, if there are any.
    fn likely(&self) -> BTreeSet<&'a str> {
        let with_weights = &self.config & &self.any_weights;
        match with_weights.is_empty() {
            true => self.config.clone(),
            false => with_weights,
        }
    }
}

/// Folders in one sentence, the topmost first.
fn listed<'a>(folders: impl std::borrow::Borrow<BTreeSet<&'a str>>) -> Option<String> {
    let mut names: Vec<&str> = folders.borrow().iter().copied().collect();
    names.sort_by_key(|name| name.matches('/').count());
    let more = names.len().saturating_sub(MOST_NAMED);
    names.truncate(MOST_NAMED);
    let more = match more {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    (!names.is_empty()).then(|| format!("{}/{more}", names.join("/ or ")))
}

fn is_pickle(name: &str) -> bool {
    PICKLES.iter().any(|ending| name.ends_with(ending))
        && !STATE_OF_TRAINING
            .iter()
            .any(|start| name.starts_with(start))
}

/// Weights under another name or in another format.
fn foreign(of: &dyn Display, top: &[&str], paths: &[&str]) -> Option<CheckpointError> {
    if top.contains(&WEIGHTS) || top.contains(&INDEX) {
        return None;
    }
    let find = |wanted: &dyn Fn(&str) -> bool| top.iter().copied().find(|name| wanted(name));
    let unsupported = |name: &str, what: &str, remedy: &str| {
        Some(CheckpointError::UnsupportedModel(format!(
            "{of} holds {name}, {what}, but no model.safetensors: {remedy}"
        )))
    };
    if let Some(name) = find(&|name| name.ends_with(".safetensors")) {
        return Some(misnamed(of, name));
    }
    if let Some(name) = find(&is_pickle) {
        return Some(CheckpointError::UnsafeFormat(format!(
            "{of} holds {name} but no model.safetensors; pickle can run code and is never opened: save the model \
             with save_pretrained(.., safe_serialization=True)"
        )));
    }
    if let Some(name) = find(&|name| name.ends_with(".h5") || name == "saved_model.pb") {
        let remedy = "load it with from_pretrained(.., from_tf=True) in transformers 4, then save it with save_pretrained(..)";
        return unsupported(name, "weights of TensorFlow", remedy);
    }
    if let Some(name) = find(&|name| name.ends_with(".msgpack")) {
        let remedy = "load it with from_pretrained(.., from_flax=True) in transformers 4, then save it with save_pretrained(..)";
        return unsupported(name, "weights of Flax", remedy);
    }
    let exported = "use the checkpoint that it was made from";
    if let Some(name) = find(&|name| name.ends_with(".gguf")) {
        return unsupported(name, "weights of llama.cpp", exported);
    }
    let graph = paths.iter().find(|path| path.ends_with(".onnx"));
    graph.and_then(|name| unsupported(name, "an exported graph", exported))
}

/// Safetensors that are not called as transformers calls them.
fn misnamed(of: &dyn Display, name: &str) -> CheckpointError {
    let remedy = if name.starts_with("adapter_") {
        "it is a PEFT adapter: merge it into its base model with merge_and_unload(), then save that with save_pretrained(..)"
            .to_owned()
    } else if name.contains("-of-") {
        format!("it is one shard of several: copy {INDEX} into the folder, too")
    } else if let Some(variant) = name
        .strip_prefix("model.")
        .and_then(|rest| rest.strip_suffix(".safetensors"))
    {
        format!(
            "load it with from_pretrained(.., variant=\"{variant}\"), then save it with save_pretrained(..)"
        )
    } else {
        "rename it if these are all the weights, as save_pretrained(..) names them".to_owned()
    };
    CheckpointError::NotFound(format!("{of} holds {name} but no {WEIGHTS}: {remedy}"))
}
