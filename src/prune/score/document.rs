//! The scores of one group as a journal document.
//!
//! The document is a safetensors file with two f64 tensors: `manifold` `[units, features]` and `answers`
//! `[units]`. For sketched scores, `manifold` has one column with the sum over the features.

use super::scores::UnitScores;
use crate::prune::failure::Failure;
use crate::prune::numbers::{self, Numbers};
use crate::prune::prepare::Prepared;
use crate::prune::recipe::Recipe;

/// Name of the document.
pub const NAME: &str = "scores.safetensors";

/// Returns the digest of everything that the scores of this group depend on.
#[must_use]
pub fn digest(prepared: &Prepared, recipe: &Recipe, group: usize, sketched: bool) -> String {
    let method = &recipe.method;
    prepared
        .digest(if sketched { "sketch/8" } else { "scores/6" })
        .part("scoring_samples", method.scoring_samples)
        .part("gram_positions", method.gram_positions)
        .part("feature_term", <&str>::from(method.feature_term))
        .part("answer_term", <&str>::from(method.answer_term))
        .part("temperature", method.temperature)
        .part("seed", recipe.calibration.seed)
        .part("group", group)
        .hex()
}

/// Encodes the scores as a document.
///
/// # Errors
/// Does not fail in practice: all shapes come from the data.
pub fn encode(scores: &UnitScores) -> Result<Vec<u8>, Failure> {
    let units = scores.answers.len();
    let array = |name: &str, shape: Vec<usize>, values: &[f64]| Numbers {
        name: name.to_owned(),
        shape,
        values: values.to_vec(),
    };
    let columns = scores.manifold.len() / units.max(1);
    numbers::encode(&[
        array("manifold", vec![units, columns], &scores.manifold),
        array("answers", vec![units], &scores.answers),
    ])
}

/// Decodes the scores. Returns `None` if the document does not hold scores of `units` units, so that they are computed
/// again.
#[must_use]
pub fn decode(document: &[u8], units: usize, features: usize) -> Option<UnitScores> {
    let mut arrays = numbers::decode(document)?;
    let mut take = |name: &str| {
        let place = arrays.iter().position(|array| array.name == name)?;
        Some(arrays.swap_remove(place))
    };
    let (manifold, answers) = (take("manifold")?, take("answers")?);
    let columns = *manifold.shape.get(1)?;
    let scores = UnitScores {
        features,
        manifold: manifold.values,
        answers: answers.values,
    };
    let fits = scores.answers.len() == units && scores.manifold.len() == units * columns;
    fits.then_some(scores)
}
