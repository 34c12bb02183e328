//! A linear map and an activation after the pooling. It is not pruned.

use safetensors::Dtype;
use serde_json::{Map, Value};

use super::folder::Folder;
use super::names::CONFIG;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::layout::WEIGHTS;
use crate::checkpoint::read_file::ReadFile;
use crate::checkpoint::weights::Weights;

/// `activation(W x + b)`.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseStep {
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// The weight, `[outputs, inputs]`, row-major.
    pub weight: Vec<f32>,
    /// The bias, if there is one.
    pub bias: Option<Vec<f32>>,
    /// Name of the activation in `config.json` of transformers.
    pub activation: &'static str,
    /// Stored type of the tensors.
    pub(super) dtype: Dtype,
}

/// Names of tensors.
pub(super) const WEIGHT: &str = "linear.weight";
pub(super) const BIAS: &str = "linear.bias";

/// Classes of torch, and the names of the same activations in transformers.
pub(super) const ACTIVATIONS: [(&str, &str); 6] = [
    ("torch.nn.modules.activation.Tanh", "tanh"),
    ("torch.nn.modules.linear.Identity", "linear"),
    ("torch.nn.modules.activation.GELU", "gelu"),
    ("torch.nn.modules.activation.ReLU", "relu"),
    ("torch.nn.modules.activation.SiLU", "silu"),
    ("torch.nn.modules.activation.Sigmoid", "sigmoid"),
];

/// Reads the module in a folder.
///
/// # Errors
/// Returns [`CheckpointError`] if a file cannot be read or a setting is not supported.
pub(super) fn read(folder: &mut Folder<'_>, path: &str) -> Result<DenseStep, CheckpointError> {
    let name = format!("{path}/{CONFIG}");
    let map = folder.object(&name)?.unwrap_or_default();
    let size = |key: &str| size(&map, key, &name);
    let (inputs, outputs) = (size("in_features")?, size("out_features")?);
    let class = map.get("activation_function").and_then(Value::as_str);
    let class = class.unwrap_or(ACTIVATIONS[0].0);
    let known = ACTIVATIONS.iter().find(|(known, _)| *known == class);
    let Some((_, activation)) = known else {
        let known: Vec<&str> = ACTIVATIONS.iter().map(|(known, _)| *known).collect();
        return Err(CheckpointError::UnsupportedModel(format!(
            "{name} has an activation_function that is not supported; supported are {}",
            known.join(", ")
        )));
    };
    if map.get("use_residual").and_then(Value::as_bool) == Some(true) {
        return Err(CheckpointError::UnsupportedModel(format!(
            "{name} has use_residual = true, which is not supported"
        )));
    }
    let weights = Weights::open(&folder.path.join(path), folder.limits)?;
    let records = weights.files().iter().map(|file| ReadFile {
        name: format!("{path}/{}", file.name),
        ..file.clone()
    });
    folder.read.extend(records);
    let has_bias = map.get("bias").and_then(Value::as_bool).unwrap_or(true);
    let within = |error| match error {
        CheckpointError::Invalid(why) => {
            CheckpointError::Invalid(format!("{path}/{WEIGHTS}: {why}"))
        }
        other => other,
    };
    let read = |name: &str, shape: &[usize]| weights.values(name, shape).map_err(within);
    Ok(DenseStep {
        inputs,
        outputs,
        weight: read(WEIGHT, &[outputs, inputs])?,
        bias: match has_bias {
            true => Some(read(BIAS, &[outputs])?),
            false => None,
        },
        activation,
        dtype: weights.dtype(WEIGHT).unwrap_or(Dtype::F32),
    })
}

/// Maximum number of inputs and of outputs.
const MAX_WIDTH: u64 = 1 << 16;

fn size(map: &Map<String, Value>, key: &str, name: &str) -> Result<usize, CheckpointError> {
    let size = map.get(key).and_then(Value::as_u64);
    let size = size.filter(|size| (1..=MAX_WIDTH).contains(size));
    let size = size.and_then(|size| usize::try_from(size).ok());
    size.ok_or_else(|| {
        CheckpointError::Invalid(format!(
            "{name}: {key} must be a whole number from 1 to {MAX_WIDTH}"
        ))
    })
}
