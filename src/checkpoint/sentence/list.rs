//! Reads `modules.json`.

use std::path::Path;

use serde_json::Value;

use super::names::{LIST, is_folder};
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::limits::Limits;
use crate::unique_json::{self, Refusal};

/// Maximum number of modules.
const MAX_MODULES: usize = 16;

/// A module in the list.
#[derive(Debug)]
pub(super) struct Listed {
    /// The last part of the name of its class, for example `Pooling`.
    pub(super) kind: String,
    /// Its folder. Empty for the folder of the model itself.
    pub(super) path: String,
}

impl Listed {
    /// Returns the path of a file of the module.
    pub(super) fn file(&self, name: &str) -> String {
        match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}/{name}", self.path),
        }
    }
}

/// Reads the list, in the order of execution.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if the file is not a list of modules, or names a folder outside of the model's.
pub(super) fn read(
    path: &Path,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<Listed>, CheckpointError> {
    let wrong =
        |why: &str| CheckpointError::Invalid(format!("{} is not valid: {why}", path.display()));
    let parsed = unique_json::parse(bytes, limits.values).map_err(|refusal| match refusal {
        Refusal::Duplicate(_) => wrong("an object contains a key twice"),
        Refusal::TooMany(_) => wrong("it contains too many values"),
        Refusal::Syntax(_) => wrong("it is not JSON"),
    })?;
    let modules = parsed.as_array().filter(|list| list.len() <= MAX_MODULES);
    let modules = modules.ok_or_else(|| {
        wrong(&format!(
            "it must be a list of at most {MAX_MODULES} modules"
        ))
    })?;
    let mut listed = Vec::new();
    for module in modules {
        let text = |key: &str| module.get(key).and_then(Value::as_str);
        let (Some(folder), Some(class)) = (text("path"), text("type")) else {
            return Err(wrong("each module must have a path and a type"));
        };
        if !folder.is_empty() && !is_folder(folder) {
            return Err(wrong(&format!(
                "the path \"{folder}\" must be empty, or a number, _ and a name, for example 1_Pooling"
            )));
        }
        let index = module.get("idx").and_then(Value::as_u64);
        let kind = class.rsplit('.').next().unwrap_or_default().to_owned();
        let path = folder.to_owned();
        listed.push((index.unwrap_or(listed.len() as u64), Listed { kind, path }));
    }
    listed.sort_by_key(|(index, _)| *index);
    match listed.is_empty() {
        true => Err(wrong(&format!("{LIST} names no module"))),
        false => Ok(listed.into_iter().map(|(_, module)| module).collect()),
    }
}
