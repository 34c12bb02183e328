//! A hash over everything that decides the bytes of the pruned model. Two jobs with the same hash give the same
//! `model.safetensors` and the same `model.onnx`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

/// A hash over everything that decides the bytes of the pruned model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reproducibility {
    /// SHA-256 of `of` as JSON without spaces, in hexadecimal. Jobs with the same hash give the same `model.safetensors` and the
    /// same `model.onnx`.
    pub hash: String,
    /// What the hash covers.
    pub of: Decisive,
}

/// What decides the bytes of the pruned model. Digests are SHA-256 in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decisive {
    /// Version of `optin`.
    pub optin_version: String,
    /// Digest of the list that `sha256sum` prints for the files of the model in `inputs`.
    pub model: String,
    /// Digest of the calibration rows as the model reads them.
    pub calibration: String,
    /// Digest of the evaluation rows as the model reads them, with their true answers. Null without an evaluation dataset.
    pub evaluation: Option<String>,
    /// Digest of the recipe without the locations and columns of its sources, and without what only the report depends on.
    pub recipe: String,
    /// The kind of machine.
    pub machine: Machine,
}

/// A kind of machine. On another kind, sums are added up in another order and differ in their last digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Architecture of the processor, for example `x86_64`.
    pub architecture: String,
    /// The widest vector instructions that were used, for example `AVX2`.
    pub instructions: String,
    /// The device: `cpu` or `cuda`.
    pub device: String,
}

impl Decisive {
    /// Returns the hash with what it covers.
    #[must_use]
    pub fn hashed(self) -> Reproducibility {
        let written = json!(self).to_string();
        Reproducibility {
            hash: hex::encode(Sha256::digest(written)),
            of: self,
        }
    }
}
