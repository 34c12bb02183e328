//! The convolutions of a VGG, by the indices in their names.
//!
//! A layer of the list `features` without tensors takes an index, too: each convolution is followed by a batch norm or none, by
//! an activation, and by a pooling or none.

use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::config::MAX_LAYERS;
use crate::model::convnet::load::{ConvNames, Named, sizes};

/// A convolution.
pub(super) struct Feature {
    pub(super) convolution: Named,
    /// Whether a maximum over 2 x 2 pixels follows.
    pub(super) is_pooled: bool,
}

/// Returns the convolutions in order.
///
/// # Errors
/// Returns an error if there are no convolutions or too many, or if a weight is not that of a convolution.
pub(super) fn read(weights: &Weights) -> Result<Vec<Feature>, CheckpointError> {
    let rank = |index: usize| weights.shape(&weight(index)).map(<[usize]>::len);
    let mut features: Vec<Feature> = Vec::new();
    let mut next = Some(0);
    while let Some(index) = next {
        let is_normed = rank(index + 1) == Some(1);
        let after = index + if is_normed { 3 } else { 2 };
        let is_followed = rank(after) == Some(4);
        let map = format!("features.{index}");
        let mut sizes = sizes(weights, &map, 1)?;
        // The map that the convolution reads decides. A weight for another number of channels is an error when it is loaded.
        if let Some(last) = features.last() {
            sizes.inputs = last.convolution.sizes.outputs;
        }
        features.push(Feature {
            convolution: Named {
                names: ConvNames {
                    map,
                    norm: is_normed.then(|| format!("features.{}", index + 1)),
                },
                sizes,
            },
            is_pooled: !is_followed,
        });
        next = match (is_followed, rank(after + 1) == Some(4)) {
            (true, _) => Some(after),
            (false, true) => Some(after + 1),
            (false, false) => None,
        };
    }
    let last = next_index(&features);
    let stray = (last..last + MAX_LAYERS).find(|&index| rank(index).is_some());
    match stray {
        _ if features.len() > MAX_LAYERS => Err(CheckpointError::Invalid(format!(
            "the checkpoint has more than {MAX_LAYERS} convolutions, which is the limit"
        ))),
        Some(index) => Err(CheckpointError::UnsupportedModel(format!(
            "the checkpoint has a tensor \"{}\" where a VGG has none; each of its convolutions is followed by a batch norm or \
             none, an activation, and a pooling or none",
            weight(index)
        ))),
        None => Ok(features),
    }
}

fn weight(index: usize) -> String {
    format!("features.{index}.weight")
}

/// Returns the index after the last convolution and its norm.
fn next_index(features: &[Feature]) -> usize {
    let last = features.last().map(|last| &last.convolution.names);
    let index = |name: &String| name.trim_start_matches("features.").parse::<usize>();
    last.and_then(|names| index(names.norm.as_ref().unwrap_or(&names.map)).ok())
        .map_or(0, |index| index + 1)
}
