//! The files of a pruned model other than weights and tokenizer.

use serde_json::{Map, Value};

/// Configuration and companion files of a pruned model.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// Content of `config.json`.
    pub config: Map<String, Value>,
    /// Names and contents of other files in the same folder.
    pub companions: Vec<(&'static str, &'static str)>,
    /// How the folder is opened, if not by an auto class of transformers.
    pub usage: Option<Usage>,
    /// Keys of the original configuration that are not carried over.
    pub left_out: Vec<String>,
}

/// How a folder is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Name of the library, as in model cards.
    pub library: &'static str,
    /// Python code.
    pub code: &'static str,
}
