//! Size and digest of every file that a run reads. These files and the recipe are enough to reproduce the result.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::digest::sha256_of;
use super::failure::Failure;
use crate::checkpoint::layout;
use crate::checkpoint::read_file::ReadFile;

/// A file that a job read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// Role of the file.
    pub role: Role,
    /// Name, size and digest of the file.
    #[serde(flatten)]
    pub file: ReadFile,
}

/// Role of a file that a job read.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The configuration of the model, or a file of the modules of sentence-transformers.
    Config,
    /// A file of the tokenizer or of the image processor of the model.
    #[serde(alias = "tokenizer")]
    Processor,
    /// A file of the weights of the model, or the index of their shards.
    Weights,
    /// A data file for scoring and repair.
    Calibration,
    /// A data file for the evaluation.
    Evaluation,
}

impl Role {
    /// Returns an input with this role.
    #[must_use]
    pub fn of(self, file: ReadFile) -> Input {
        Input { role: self, file }
    }
}

/// Returns the files of a model's folder other than the weights: the configuration, these files of the tokenizer or image
/// processor, and the index of the shards.
///
/// The files are read a second time to compute their digests. This is safe because the folder does not change
/// during a run.
///
/// # Errors
/// Returns an error if one of the files cannot be read.
pub(super) fn beside_the_weights(folder: &Path, processor: &[&str]) -> Result<Vec<Input>, Failure> {
    let one = |role: Role, name: &str| -> Result<Input, Failure> {
        let path = folder.join(name);
        Ok(role.of(ReadFile {
            name: name.to_owned(),
            bytes: path.metadata()?.len(),
            sha256: sha256_of(&path)?,
        }))
    };
    let config = one(Role::Config, layout::CONFIG);
    let processor = processor.iter().map(|name| one(Role::Processor, name));
    // A folder with a single weights file does not use the index, even if the index exists.
    let index = [layout::WEIGHTS, layout::INDEX]
        .into_iter()
        .find(|name| folder.join(name).is_file())
        .filter(|name| *name == layout::INDEX)
        .map(|name| one(Role::Weights, name));
    [config].into_iter().chain(processor).chain(index).collect()
}
