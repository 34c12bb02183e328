//! Every file that a run read, by size and digest: with them and the recipe its result can be had again.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::digest::sha256_of;
use super::failure::Failure;
use super::prepare::Prepared;
use crate::checkpoint::read_file::ReadFile;
use crate::checkpoint::{layout, tokenizer};

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// What it was read as.
    pub role: Role,
    /// Which it was.
    #[serde(flatten)]
    pub file: ReadFile,
}

/// What a file is read as.
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
    /// The model's configuration.
    Config,
    /// A part of the model's tokenizer.
    Tokenizer,
    /// The model's weights, or the index of their shards.
    Weights,
    /// Data for scoring and repair.
    Calibration,
    /// Data for verification.
    Evaluation,
}

impl Role {
    fn of(self, file: ReadFile) -> Input {
        Input { role: self, file }
    }
}

/// The small files of a model's folder. They are read a second time for it: the folder does not change under a run.
///
/// # Errors
/// When one of them cannot be read.
pub(super) fn beside_the_weights(folder: &Path) -> Result<Vec<Input>, Failure> {
    let one = |role: Role, name: &str| -> Result<Input, Failure> {
        let path = folder.join(name);
        Ok(role.of(ReadFile {
            name: name.to_owned(),
            bytes: path.metadata()?.len(),
            sha256: sha256_of(&path)?,
        }))
    };
    let config = one(Role::Config, layout::CONFIG);
    let tokenizer = tokenizer::files_of(folder)
        .into_iter()
        .map(|name| one(Role::Tokenizer, name));
    // The index counts where the weights are not in one file.
    let index = [layout::WEIGHTS, layout::INDEX]
        .into_iter()
        .find(|name| folder.join(name).is_file())
        .filter(|name| *name == layout::INDEX)
        .map(|name| one(Role::Weights, name));
    [config].into_iter().chain(tokenizer).chain(index).collect()
}

/// All of them.
#[must_use]
pub fn inputs(prepared: &Prepared) -> Vec<Input> {
    let data = |role: Role, files: &[ReadFile]| -> Vec<Input> {
        files.iter().map(|file| role.of(file.clone())).collect()
    };
    let evaluation = prepared.evaluation.as_ref();
    let mut inputs = prepared.beside_the_weights.clone();
    inputs.extend(data(Role::Weights, prepared.weights.files()));
    inputs.extend(data(Role::Calibration, &prepared.calibration.files));
    inputs.extend(evaluation.map_or_else(Vec::new, |read| data(Role::Evaluation, &read.files)));
    inputs
}
