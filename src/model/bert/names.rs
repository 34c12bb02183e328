//! Names of tensors, as checkpoints of all ages spell them.

use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// What precedes the body's tensors.
const PREFIX: &str = "bert.";

/// Parts of the body; a checkpoint of the body alone names them without the prefix.
const BODY: [&str; 3] = ["embeddings.", "encoder.", "pooler."];

/// The same weights under the names that transformers gives them today: norms of early checkpoints are called `gamma` and
/// `beta`, and a body that was saved alone lacks its prefix.
///
/// # Errors
/// When a tensor stands there under both names.
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
