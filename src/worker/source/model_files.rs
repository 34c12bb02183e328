//! Which files of a folder, a bucket or an archive are a model's: its configuration, its tokenizer and its
//! safetensors; never code or pickles.

use std::fmt::Display;

use super::uri::is_plain;
use crate::checkpoint::tokenizer;
use crate::prune::failure::{Code, Failure};

/// Whether a file of this name belongs to a model.
#[must_use]
pub fn belongs(name: &str) -> bool {
    let weights = name == "model.safetensors"
        || name == "model.safetensors.index.json"
        || (name.starts_with("model-") && name.ends_with(".safetensors"));
    is_plain(name) && (weights || name == "config.json" || tokenizer::is_file_of_one(name))
}

/// Checks that the names of the files that belong make a whole model.
///
/// # Errors
/// What is missing, and what to do.
pub fn check<'a>(
    of: &impl Display,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Failure> {
    if !names.clone().any(|name| name == "config.json") {
        return Err(Failure::new(
            Code::SourceNotFound,
            format!("{of} holds no config.json"),
        ));
    }
    if !names.clone().any(|name| name.ends_with(".safetensors")) {
        return Err(Failure::new(
            Code::UnsafeFormat,
            format!(
                "{of} holds no safetensors; formats that can run code are never opened: save it with safe_serialization=True"
            ),
        ));
    }
    Ok(())
}
