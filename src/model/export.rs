//! What a cut model's folder holds besides weights and tokenizer.

use serde_json::{Map, Value};

/// Configuration and companion files of a cut model.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// `config.json`.
    pub config: Map<String, Value>,
    /// Files to lie beside it: name and content.
    pub companions: Vec<(&'static str, &'static str)>,
    /// Keys of the original configuration that are not carried over.
    pub left_out: Vec<String>,
}
