//! The files of a pruned model other than weights and tokenizer.

use serde_json::{Map, Value};

/// Configuration and companion files of a pruned model.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// Content of `config.json`.
    pub config: Map<String, Value>,
    /// Names and contents of other files in the same folder.
    pub companions: Vec<(&'static str, &'static str)>,
    /// Keys of the original configuration that are not carried over.
    pub left_out: Vec<String>,
}
