//! The modules after the encoder, read from the files of a folder.

use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::dense::{self, DenseStep};
use super::folder::Folder;
use super::list::{self, Listed};
use super::names::{CONFIG, LIST, PROMPTS, SETTINGS};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::read_file::ReadFile;

/// The modules after the encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Modules {
    /// Number of channels of the encoder.
    pub hidden: usize,
    /// How the vectors of the tokens are joined.
    pub pooling: PoolingMode,
    /// What follows.
    pub steps: Vec<Step>,
    /// Maximum number of tokens of a text. `None` if no file says.
    pub max_length: Option<usize>,
    /// The function with which users compare vectors, and texts that they put before theirs, by name.
    pub(super) similarity: Option<String>,
    pub(super) prompts: Map<String, Value>,
    /// The files that were read.
    pub files: Vec<ReadFile>,
}

/// How the vectors of the tokens are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolingMode {
    /// The first token.
    First,
    /// The mean of all tokens.
    Mean,
    /// The maximum of each channel over all tokens.
    Max,
}

/// A module after the pooling.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A linear map and an activation.
    Dense(DenseStep),
    /// Division by the length of the vector.
    Normalize,
}

impl Modules {
    /// Reads the modules of a folder. `None` if it is not one of sentence-transformers.
    ///
    /// # Errors
    /// Returns [`CheckpointError`] if a file cannot be read, or if a module or one of its settings is not supported.
    pub fn open(path: &Path, limits: &Limits) -> Result<Option<Self>, CheckpointError> {
        if !path.join(LIST).is_file() {
            return Ok(None);
        }
        let mut folder = Folder::new(path, limits);
        let list = folder.bytes(LIST)?;
        let listed = list::read(&path.join(LIST), &list, limits)?;
        let mut modules = listed.into_iter();
        let encoder = modules.next();
        if encoder.is_none_or(|module| module.kind != "Transformer" || !module.path.is_empty()) {
            return Err(unsupported(
                "the first module must be a Transformer in the folder itself; save the model with sentence-transformers 2.3 \
                 or newer",
            ));
        }
        let (hidden, pooling) = match modules.next() {
            Some(module) if module.kind == "Pooling" => pooling(&mut folder, &module)?,
            _ => return Err(unsupported("the second module must be a Pooling")),
        };
        let steps = modules.map(|module| match module.kind.as_str() {
            "Normalize" => Ok(Step::Normalize),
            "Dense" => dense::read(&mut folder, &module.path).map(Step::Dense),
            other => Err(unsupported(&format!(
                "the module {other} is not supported; supported are Transformer, Pooling, Dense and Normalize"
            ))),
        });
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        let max_length = settings(&mut folder)?;
        let (similarity, prompts) = prompts(&mut folder)?;
        Ok(Some(Self {
            hidden,
            pooling,
            steps,
            max_length,
            similarity,
            prompts,
            files: folder.read,
        }))
    }

    /// Returns a digest over the files, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut digest = Sha256::new();
        for file in &self.files {
            digest.update(&file.name);
            digest.update(&file.sha256);
        }
        hex::encode(digest.finalize())
    }
}

fn unsupported(what: &str) -> CheckpointError {
    CheckpointError::UnsupportedModel(format!("{LIST}: {what}"))
}

/// Reads the configuration of a pooling. Newer files have `pooling_mode`, older ones a flag for each mode.
/// Returns the number of channels and the mode.
fn pooling(
    folder: &mut Folder<'_>,
    module: &Listed,
) -> Result<(usize, PoolingMode), CheckpointError> {
    let name = module.file(CONFIG);
    let map = folder.object(&name)?.unwrap_or_default();
    let modes: Vec<&str> = match map.get("pooling_mode") {
        Some(Value::String(mode)) => vec![mode.as_str()],
        Some(Value::Array(modes)) => modes.iter().filter_map(Value::as_str).collect(),
        _ => {
            let flags = map.iter().filter(|(_, value)| **value == Value::Bool(true));
            let flags = flags.filter_map(|(key, _)| key.strip_prefix("pooling_mode_"));
            flags.collect()
        }
    };
    let keys = ["embedding_dimension", "word_embedding_dimension"];
    let hidden = keys.iter().find_map(|key| map.get(*key)?.as_u64());
    let hidden = hidden.and_then(|hidden| usize::try_from(hidden).ok());
    let hidden = hidden.ok_or_else(|| {
        CheckpointError::Invalid(format!(
            "{name} must have the number of channels as word_embedding_dimension"
        ))
    })?;
    match modes.as_slice() {
        [] | ["mean" | "mean_tokens"] => Ok((hidden, PoolingMode::Mean)),
        ["cls" | "cls_token"] => Ok((hidden, PoolingMode::First)),
        ["max" | "max_tokens"] => Ok((hidden, PoolingMode::Max)),
        others => Err(CheckpointError::UnsupportedModel(format!(
            "{name} has the pooling {}; supported is one of cls, mean and max",
            others.join(" and ")
        ))),
    }
}

/// Reads the settings of the encoder. Returns the maximum number of tokens, if they have one.
fn settings(folder: &mut Folder<'_>) -> Result<Option<usize>, CheckpointError> {
    for name in SETTINGS {
        let Some(map) = folder.object(name)? else {
            continue;
        };
        if map.get("do_lower_case").and_then(Value::as_bool) == Some(true) {
            return Err(CheckpointError::UnsupportedModel(format!(
                "{name} has do_lower_case = true, which is not supported; let the tokenizer convert texts to lower case"
            )));
        }
        return match map.get("max_seq_length") {
            None | Some(Value::Null) => Ok(None),
            Some(length) => match length.as_u64().filter(|length| *length > 0) {
                Some(length) => Ok(usize::try_from(length).ok()),
                None => Err(CheckpointError::Invalid(format!(
                    "{name}: max_seq_length is {length}; it must be a whole number greater than 0"
                ))),
            },
        };
    }
    Ok(None)
}

/// Reads the similarity and the prompts. A default prompt is refused, because it would be put before every text.
fn prompts(
    folder: &mut Folder<'_>,
) -> Result<(Option<String>, Map<String, Value>), CheckpointError> {
    let map = folder.object(PROMPTS)?.unwrap_or_default();
    if let Some(name) = map.get("default_prompt_name").and_then(Value::as_str) {
        return Err(CheckpointError::UnsupportedModel(format!(
            "{PROMPTS} has default_prompt_name \"{name}\", which is not supported; put the prompt into the texts, and set the key \
             to null"
        )));
    }
    let similarity = map.get("similarity_fn_name").and_then(Value::as_str);
    let prompts = map.get("prompts").and_then(Value::as_object).cloned();
    Ok((similarity.map(str::to_owned), prompts.unwrap_or_default()))
}
