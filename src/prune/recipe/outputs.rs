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
    /// `model.int8.onnx`, with weights of 8 bits: a quarter of the size, and faster on processors with instructions for them. Its
    /// answers differ slightly, and the report does not measure them. Not for convolutional networks.
    #[serde(rename = "onnx-int8")]
    #[strum(serialize = "onnx-int8")]
    OnnxInt8,
}

impl Output {
    /// Returns the default: all formats with the same answers.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        vec![Self::Safetensors, Self::Onnx]
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
