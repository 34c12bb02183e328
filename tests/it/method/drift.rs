//! The slope of the distance from another model, against central differences along each mask.

use candle_core::{D, Tensor};
use optin::prune::recipe::Method;
use optin::prune::score::sketch::drift;

use super::sketch::{Case, of};
use crate::fixture::bert::Tiny;

/// `sum_z ||G_z - G_z(original)||^2` and the mean divergence of the logits, with one unit's mask at `mask`.
fn distance(cut: &Case, original: &Case, unit: (usize, usize), mask: f32) -> (f64, f64) {
    let (teacher, origin) = (cut.teacher(), original.teacher());
    let (block, unit) = unit;
    let (grams, logits) = cut.run(&teacher, block, unit, mask);
    let (wanted, answers) = original.run(&origin, block, unit, 1.0);
    let squared = |a: &Tensor, b: &Tensor| {
        let squares = (a - b).unwrap().sqr().unwrap().sum_all().unwrap();
        f64::from(squares.to_scalar::<f32>().unwrap())
    };
    let manifold = grams.iter().zip(&wanted).map(|(a, b)| squared(a, b));
    let rows = logits.dims()[0] as f64;
    let divergence = match logits.dims()[1] {
        1 => squared(&logits, &answers),
        _ => {
            let temperature = Method::default().temperature;
            let log = |logits: &Tensor| {
                let logits = logits.to_dtype(candle_core::DType::F64).unwrap();
                candle_nn::ops::log_softmax(&(logits / temperature).unwrap(), D::Minus1).unwrap()
            };
            let (theirs, ours) = (log(&answers), log(&logits));
            let terms = (theirs.exp().unwrap() * (&theirs - &ours).unwrap()).unwrap();
            let sum = terms.sum_all().unwrap().to_scalar::<f64>().unwrap();
            temperature * temperature * sum
        }
    };
    (manifold.sum(), divergence / rows)
}

#[test]
fn slopes_are_the_derivatives_of_the_distance_along_each_mask() {
    for labels in [3, 1] {
        let tiny = |seed| Tiny {
            labels,
            seed,
            ..Tiny::default()
        };
        let (cut, original) = (of(tiny(7)), of(tiny(8)));
        let back = cut.model.differentiable().unwrap();
        let temperature = Method::default().temperature;
        let (ours, theirs) = (cut.teacher(), original.teacher());
        let slopes = drift::slopes(&ours, &theirs, back, temperature).unwrap();
        for (block, group) in cut.model.groups().iter().enumerate() {
            let largest = |values: &[f64]| values.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
            let of_block = &slopes[block];
            let scales = [largest(&of_block.manifold), largest(&of_block.logits)];
            assert!(scales.iter().all(|&scale| scale > 0.0), "{}", group.name);
            for unit in 0..group.width {
                let step = 0.02f32;
                let up = distance(&cut, &original, (block, unit), 1.0 + step);
                let down = distance(&cut, &original, (block, unit), 1.0 - step);
                let width = f64::from(2.0 * step);
                let expected = [(up.0 - down.0) / width, (up.1 - down.1) / width];
                let found = [of_block.manifold[unit], of_block.logits[unit]];
                for ((found, expected), scale) in found.into_iter().zip(expected).zip(scales) {
                    assert!(
                        (found - expected).abs() < 0.02 * scale,
                        "{labels} labels, {} {unit}: {found} against {expected}, scale {scale}",
                        group.name
                    );
                }
            }
        }
        // Nothing is far from itself.
        for group in drift::slopes(&ours, &ours, back, temperature).unwrap() {
            let all = group.manifold.iter().chain(&group.logits);
            assert!(all.into_iter().all(|slope| slope.abs() < 1e-4));
        }
    }
}
