//! Construction of building blocks from named tensors.

use candle_core::Tensor;

use crate::checkpoint::error::{CheckpointError, reason};
use crate::checkpoint::weights::Weights;
use crate::model::head_maps::RowMap;
use crate::model::layer::dense::Dense;
use crate::model::layer::sequence::Sequence;
use crate::model::nn::layer_norm::LayerNorm;
use crate::model::nn::linear::Linear;
use crate::model::stored_map::StoredMap;

/// Loads a linear map from `{name}.weight` `[outputs, inputs]` and `{name}.bias` `[outputs]`.
pub(in crate::model) fn linear(
    weights: &Weights,
    name: &str,
    inputs: usize,
    outputs: usize,
) -> Result<Linear, CheckpointError> {
    linear_with(weights, name, [inputs, outputs], true)
}

/// Loads a linear map from `{name}.weight` `[outputs, inputs]` and, if it has a bias, `{name}.bias` `[outputs]`.
pub(in crate::model) fn linear_with(
    weights: &Weights,
    name: &str,
    [inputs, outputs]: [usize; 2],
    has_bias: bool,
) -> Result<Linear, CheckpointError> {
    let weight = weights.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
    let bias = has_bias.then(|| weights.tensor(&format!("{name}.bias"), &[outputs]));
    Ok(Linear::new(weight, bias.transpose()?))
}

/// Loads the rows of a map that belong to heads, `[rows, inputs]`. The stored tensors have `stored` rows, which is more than
/// `rows` if they hold several maps.
pub(in crate::model) fn rows(
    weights: &Weights,
    map: &RowMap,
    inputs: usize,
    rows: usize,
    stored: usize,
) -> Result<Dense, CheckpointError> {
    let part = |tensor: Tensor| {
        let part = tensor.narrow(0, map.offset, rows);
        part.and_then(|part| part.contiguous())
            .map_err(|error| CheckpointError::Invalid(reason(&error)))
    };
    let weight = part(weights.tensor(&map.weight, &[stored, inputs])?)?;
    let bias = match &map.bias {
        Some(name) => Some(part(weights.tensor(name, &[stored])?)?),
        None => None,
    };
    Ok(Dense::new(map.weight.clone(), Linear::new(weight, bias)).from_row(map.offset))
}

/// Loads a linear map with the names of its tensors. See [`linear`].
pub(in crate::model) fn stored(
    weights: &Weights,
    name: &str,
    inputs: usize,
    outputs: usize,
) -> Result<StoredMap, CheckpointError> {
    Ok(StoredMap::new(
        name,
        linear(weights, name, inputs, outputs)?,
    ))
}

/// Loads a linear layer from `{name}.weight` `[outputs, inputs]` and `{name}.bias` `[outputs]`.
pub(in crate::model) fn dense(
    weights: &Weights,
    name: &str,
    inputs: usize,
    outputs: usize,
) -> Result<Dense, CheckpointError> {
    let linear = linear(weights, name, inputs, outputs)?;
    Ok(Dense::new(format!("{name}.weight"), linear))
}

/// Loads a layer norm from `{name}.weight` and `{name}.bias`, both `[width]`.
pub(in crate::model) fn layer_norm(
    weights: &Weights,
    name: &str,
    width: usize,
    epsilon: f64,
) -> Result<LayerNorm, CheckpointError> {
    layer_norm_with(weights, name, width, epsilon, true)
}

/// Loads a layer norm from `{name}.weight` and, if it has a bias, `{name}.bias`, both `[width]`.
pub(in crate::model) fn layer_norm_with(
    weights: &Weights,
    name: &str,
    width: usize,
    epsilon: f64,
    has_bias: bool,
) -> Result<LayerNorm, CheckpointError> {
    let weight = weights.tensor(&format!("{name}.weight"), &[width])?;
    let bias = match has_bias {
        true => weights.tensor(&format!("{name}.bias"), &[width])?,
        false => weight
            .zeros_like()
            .map_err(|error| CheckpointError::Invalid(reason(&error)))?,
    };
    Ok(LayerNorm::new(weight, bias, epsilon))
}

/// Returns a sequence that begins with a [layer norm](layer_norm).
pub(in crate::model) fn norm(
    weights: &Weights,
    name: &str,
    width: usize,
    epsilon: f64,
) -> Result<Sequence, CheckpointError> {
    let norm = layer_norm(weights, name, width, epsilon)?;
    Ok(Sequence::identity().then(norm))
}

/// Checks that the checkpoint has the classifier `{name}.weight` of this class.
pub(in crate::model) fn check_classifier(
    weights: &Weights,
    name: &str,
    class: &str,
) -> Result<(), CheckpointError> {
    match weights.contains(&format!("{name}.weight")) {
        true => Ok(()),
        false => Err(CheckpointError::UnsupportedModel(format!(
            "the checkpoint has no {name}.weight, so it is not a {class}; fine-tune it with a head for its task first"
        ))),
    }
}

/// Loads the classifier of this class, a linear map to these labels. `counted` says whether `config.json` specifies their
/// number.
pub(in crate::model) fn classifier(
    weights: &Weights,
    name: &str,
    class: &str,
    inputs: usize,
    labels: usize,
    counted: bool,
) -> Result<Dense, CheckpointError> {
    check_classifier(weights, name, class)?;
    let weight = format!("{name}.weight");
    if let Some(&[outputs, _]) = weights.shape(&weight)
        && !counted
        && outputs != labels
    {
        return Err(CheckpointError::Invalid(format!(
            "tensor \"{weight}\" has {outputs} outputs, but config.json has no labels, and transformers then \
             assumes 2; add \"num_labels\": {outputs} (or id2label) to config.json"
        )));
    }
    dense(weights, name, inputs, labels)
}

/// Renames the tensors with `part` in their names from the names of modules in memory of transformers 5 to those in files:
/// `renamed` has both. transformers 5 writes the names of modules on request (`save_original_format=False`).
///
/// # Errors
/// Returns an error if a tensor exists under both names.
pub(in crate::model) fn names_of_files(
    weights: Weights,
    part: &str,
    renamed: &[(&str, &str)],
) -> Result<Weights, CheckpointError> {
    weights.renamed(|name| match name.contains(part) {
        true => renamed
            .iter()
            .fold(name.to_owned(), |name, (module, file)| {
                name.replace(module, file)
            }),
        false => name.to_owned(),
    })
}
