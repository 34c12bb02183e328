//! Selects the files of a model in a folder, bucket or archive: configuration, tokenizer or image processor, and
//! safetensors, never code or pickles.

use super::uri::is_plain;
use crate::checkpoint::sentence::names as sentence;
use crate::checkpoint::{image_processor, layout, tokenizer};

/// Returns whether a file with this path in a folder belongs to the model in the folder. The modules of sentence-transformers
/// have folders of their own.
#[must_use]
pub fn belongs(name: &str) -> bool {
    let weights = name == layout::WEIGHTS
        || name == layout::INDEX
        || (name.starts_with("model-") && name.ends_with(".safetensors"));
    let processor = tokenizer::is_file_of_one(name) || name == image_processor::FILE;
    let is_own = is_plain(name) && (weights || name == layout::CONFIG || processor);
    is_own || sentence::is_file_of_one(name)
}
