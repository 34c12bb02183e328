//! What all folders of timm have in common.

use serde_json::Value;

use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;

/// Renames the tensors to the names of timm. Folders of transformers' wrapper put `timm_model.` before them.
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub(in crate::model) fn plain_names(weights: Weights) -> Result<Weights, CheckpointError> {
    weights.renamed(|name| name.strip_prefix("timm_model.").unwrap_or(name).to_owned())
}

/// Returns the height and width of the images of a model of timm.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if `config.json` does not tell.
pub(in crate::model) fn size(config: &Config) -> Result<[usize; 2], CheckpointError> {
    let side = |value: &Value| value.as_u64().and_then(|side| usize::try_from(side).ok());
    let given = config
        .map()
        .get("model_args")
        .and_then(|given| given.get("img_size"));
    let given = given.and_then(|size| match size {
        Value::Array(sides) => match sides.as_slice() {
            [height, width] => Some([side(height)?, side(width)?]),
            _ => None,
        },
        one => Some([side(one)?; 2]),
    });
    let pretrained = config
        .map()
        .get("pretrained_cfg")
        .and_then(|given| given.get("input_size"));
    let pretrained = pretrained
        .and_then(Value::as_array)
        .and_then(|size| match size.as_slice() {
            [_, height, width] => Some([side(height)?, side(width)?]),
            _ => None,
        });
    given.or(pretrained).ok_or_else(|| {
        CheckpointError::Invalid(
            "config.json does not tell the size of the images; it must have input_size in pretrained_cfg, for example [3, 224, 224]"
                .to_owned(),
        )
    })
}
