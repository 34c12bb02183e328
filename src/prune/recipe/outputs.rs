//! The formats in which a result has its model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};

use crate::prune::failure::{Code, Failure};

/// Maximum number of formats of a recipe.
const MAX_OUTPUTS: usize = 16;

/// A format in which a result has its model.
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
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OutputFormat")]
pub enum Output {
    /// The folder of Hugging Face with `model.safetensors`. Every result has it.
    Safetensors,
    /// `model.onnx`, which ONNX Runtime and other runtimes open without our code.
    Onnx,
}

impl Output {
    /// Returns all formats, the default.
    #[must_use]
    pub fn all() -> Vec<Self> {
        Self::VARIANTS.to_vec()
    }

    /// Checks the formats of a recipe. Their order and repetitions have no effect.
    pub(super) fn check(outputs: &[Self]) -> Result<(), Failure> {
        if outputs.len() <= MAX_OUTPUTS {
            return Ok(());
        }
        Err(Failure::new(
            Code::InvalidRecipe,
            format!(
                "outputs has {} formats; the maximum is {MAX_OUTPUTS}",
                outputs.len()
            ),
        ))
    }
}
