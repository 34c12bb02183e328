//! Which files of a folder, a bucket or an archive are a model's: its configuration, its tokenizer and its
//! safetensors; never code or pickles.

use super::uri::is_plain;
use crate::checkpoint::{layout, tokenizer};

/// Whether a file of this name belongs to a model.
#[must_use]
pub fn belongs(name: &str) -> bool {
    let weights = name == layout::WEIGHTS
        || name == layout::INDEX
        || (name.starts_with("model-") && name.ends_with(".safetensors"));
    is_plain(name) && (weights || name == layout::CONFIG || tokenizer::is_file_of_one(name))
}
