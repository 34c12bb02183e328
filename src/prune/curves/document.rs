//! The measured curves as a journal document.
//!
//! The document is a safetensors file with two f64 tensors per measured group: `{group}.order` and `{group}.steps`, both
//! `[units]`.

use super::curve::Curve;
use crate::prune::failure::Failure;
use crate::prune::numbers::{self, Numbers};
use crate::prune::prepare::Prepared;
use crate::prune::recipe::Recipe;

/// Name of the document.
pub const NAME: &str = "curves.safetensors";

/// Returns the digest of everything that the curves depend on.
#[must_use]
pub fn digest(prepared: &Prepared, recipe: &Recipe) -> String {
    let method = recipe.method.for_model(&prepared.model.reads);
    prepared
        .original_digest("curves/1")
        .part("scoring_samples", method.scoring_samples)
        .part("position_weights", <&str>::from(method.position_weights))
        .part("answer_term", <&str>::from(method.answer_term))
        .part("temperature", method.temperature)
        .part("ridge", method.ridge)
        .part("seed", recipe.calibration.seed)
        .hex()
}

/// Encodes the curves.
///
/// # Errors
/// Does not fail in practice: all shapes come from the data.
pub fn encode(curves: &[Option<Curve>]) -> Result<Vec<u8>, Failure> {
    let array = |name: String, values: Vec<f64>| Numbers {
        name,
        shape: vec![values.len()],
        values,
    };
    let groups = curves.iter().enumerate();
    let arrays = groups.flat_map(|(group, curve)| {
        curve.iter().flat_map(move |curve| {
            let order = curve.order.iter().map(|&unit| unit as f64).collect();
            [
                array(format!("{group}.order"), order),
                array(format!("{group}.steps"), curve.steps.clone()),
            ]
        })
    });
    numbers::encode(&arrays.collect::<Vec<_>>())
}

/// Decodes the curves of groups with these widths. Returns `None` if the document does not fit them, so that they are measured
/// again.
#[must_use]
pub fn decode(document: &[u8], widths: &[usize]) -> Option<Vec<Option<Curve>>> {
    let arrays = numbers::decode(document)?;
    let find = |name: String| {
        let array = arrays.iter().find(|array| array.name == name)?;
        Some(&array.values)
    };
    let curves = widths.iter().enumerate().map(|(group, &width)| {
        let found = find(format!("{group}.order")).zip(find(format!("{group}.steps")));
        let Some((order, steps)) = found else {
            return Some(None);
        };
        let order: Vec<usize> = order.iter().map(|&unit| unit as usize).collect();
        let mut units = order.clone();
        units.sort_unstable();
        let fits = steps.len() == width && units.into_iter().eq(0..width);
        fits.then(|| {
            Some(Curve {
                order,
                steps: steps.clone(),
            })
        })
    });
    curves.collect()
}
