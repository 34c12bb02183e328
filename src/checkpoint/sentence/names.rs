//! Names of the files of a sentence-transformers folder.

use crate::checkpoint::layout::WEIGHTS;

/// Name of the list of modules. A folder with this file is one of sentence-transformers.
pub const LIST: &str = "modules.json";

/// Names of the files with the settings of the encoder, of which a folder has at most one.
pub(super) const SETTINGS: [&str; 5] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_xlm-roberta_config.json",
];

/// Name of the file with the prompts and the similarity.
pub(super) const PROMPTS: &str = "config_sentence_transformers.json";

/// Name of the configuration of a module, in its folder.
pub(super) const CONFIG: &str = "config.json";

/// Whether a folder can be that of a module, for example `1_Pooling`.
#[must_use]
pub fn is_folder(name: &str) -> bool {
    let Some((index, kind)) = name.split_once('_') else {
        return false;
    };
    let is_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (1..=2).contains(&index.len()) && index.bytes().all(|byte| byte.is_ascii_digit()) && is_kind
}

/// Whether a file with this path in the folder of a model belongs to its modules.
#[must_use]
pub fn is_file_of_one(path: &str) -> bool {
    match path.split_once('/') {
        None => path == LIST || path == PROMPTS || SETTINGS.contains(&path),
        Some((folder, name)) => is_folder(folder) && (name == CONFIG || name == WEIGHTS),
    }
}
