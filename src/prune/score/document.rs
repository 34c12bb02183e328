//! The scores of one group as a journal document.
//!
//! The document is a safetensors file with two f64 tensors: `manifold` `[units, features]` and `answers`
//! `[units]`. For sketched scores, `manifold` has one column with the sum over the features.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::scores::UnitScores;
use crate::prune::failure::{Code, Failure};
use crate::prune::prepare::Prepared;
use crate::prune::recipe::Recipe;

/// Name of the document.
pub const NAME: &str = "scores.safetensors";

/// Returns the digest of everything that the scores of this group depend on.
#[must_use]
pub fn digest(prepared: &Prepared, recipe: &Recipe, group: usize, sketched: bool) -> String {
    let method = &recipe.method;
    prepared
        .digest(if sketched { "sketch/6" } else { "scores/5" })
        .part("scoring_samples", method.scoring_samples)
        .part("gram_positions", method.gram_positions)
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
    let bytes = |values: &[f64]| -> Vec<u8> {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    let (manifold, answers) = (bytes(&scores.manifold), bytes(&scores.answers));
    let units = scores.answers.len();
    let views = [
        (
            "manifold",
            vec![units, scores.manifold.len() / units.max(1)],
            &manifold,
        ),
        ("answers", vec![units], &answers),
    ];
    let views = views
        .into_iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F64, shape, bytes)?)));
    let wrong = |error: safetensors::SafeTensorError| {
        Failure::new(
            Code::Internal,
            format!("could not encode the scores as safetensors: {error}"),
        )
    };
    let views = views.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    safetensors::serialize(views, None).map_err(wrong)
}

/// Decodes the scores. Returns `None` if the document does not hold scores of `units` units, so that they are computed
/// again.
#[must_use]
pub fn decode(document: &[u8], units: usize, features: usize) -> Option<UnitScores> {
    let tensors = SafeTensors::deserialize(document).ok()?;
    let values = |name: &str| -> Option<Vec<f64>> {
        let (chunks, _) = tensors.tensor(name).ok()?.data().as_chunks::<8>();
        Some(
            chunks
                .iter()
                .map(|chunk| f64::from_le_bytes(*chunk))
                .collect(),
        )
    };
    let columns = *tensors.tensor("manifold").ok()?.shape().get(1)?;
    let scores = UnitScores {
        features,
        manifold: values("manifold")?,
        answers: values("answers")?,
    };
    let fits = scores.answers.len() == units && scores.manifold.len() == units * columns;
    fits.then_some(scores)
}
