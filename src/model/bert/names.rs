//! Names of tensors in checkpoints of older and newer versions.

use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Prefix of the names of the body's tensors.
const PREFIX: &str = "bert.";

/// Parts of the body. A checkpoint of the body alone names them without the prefix.
const BODY: [&str; 3] = ["embeddings.", "encoder.", "pooler."];

/// Renames the tensors to the names that current versions of transformers use.
///
/// Early checkpoints call the parameters of norms `gamma` and `beta`, and a body that was saved alone has no prefix.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub fn todays(weights: Weights) -> Result<Weights, CheckpointError> {
    let prefixed = weights
        .entries()
        .any(|entry| entry.name.starts_with(PREFIX));
    weights.renamed(|name| {
        let name = name
            .replace("LayerNorm.gamma", "LayerNorm.weight")
            .replace("LayerNorm.beta", "LayerNorm.bias");
        match !prefixed && BODY.iter().any(|part| name.starts_with(part)) {
            true => format!("{PREFIX}{name}"),
            false => name,
        }
    })
}
