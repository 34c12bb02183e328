//! The difference form of the manifold term, compared with the direct formula, and properties of the divergence.

use candle_core::{DType, Device, Tensor};
use optin::answer::task::{Answer, Outputs};
use optin::statistics::mean;

use crate::fixture::task;
use optin::prune::recipe::FeatureTerm;
use optin::prune::score::manifold::{changes, normalise};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use strum::VariantArray;

fn random(rows: usize, width: usize, size: f64, seed: u64) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f64> = (0..rows * width)
        .map(|_| size * random.random_range(-1.0..1.0))
        .collect();
    Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()
}

/// Computes `||F' F'^T - F F^T||^2 / k^2` directly in f64.
fn direct(reference: &Tensor, changed: &Tensor) -> f64 {
    let gram = |features: &Tensor| {
        let norm = features
            .sqr()
            .unwrap()
            .sum_keepdim(1)
            .unwrap()
            .sqrt()
            .unwrap();
        let unit = features.broadcast_div(&norm).unwrap();
        unit.matmul(&unit.t().unwrap()).unwrap()
    };
    (gram(changed) - gram(reference))
        .unwrap()
        .sqr()
        .unwrap()
        .mean_all()
        .unwrap()
        .to_scalar::<f64>()
        .unwrap()
}

#[test]
fn the_difference_form_equals_the_direct_one_for_large_and_tiny_changes() {
    for (size, tolerance) in [(1.0, 1e-5), (1e-2, 1e-4), (1e-4, 2e-3)] {
        // 70 rows: more than two tiles, and not a multiple of one.
        let reference = random(70, 16, 1.0, 1);
        // Rounded to f32 first, so that both forms get the same numbers.
        let reference = reference.to_dtype(DType::F32).unwrap();
        let changed = (reference.to_dtype(DType::F64).unwrap() + random(70, 16, size, 2))
            .unwrap()
            .to_dtype(DType::F32)
            .unwrap();
        let exact = direct(
            &reference.to_dtype(DType::F64).unwrap(),
            &changed.to_dtype(DType::F64).unwrap(),
        );
        // Two copies of one row: the changed one and the reference.
        let both = Tensor::stack(&[&changed, &reference], 0).unwrap();
        let ours = changes(
            FeatureTerm::Pairs,
            &normalise(&reference.unsqueeze(0).unwrap()).unwrap(),
            &normalise(&both).unwrap(),
        )
        .unwrap();
        let [ours, unchanged] = ours[..] else {
            panic!("one change for each copy");
        };
        assert_eq!(unchanged, 0.0);
        assert!(
            (ours / exact - 1.0).abs() < tolerance,
            "change of {size}: {ours}, expected {exact}"
        );
    }
}

#[test]
fn the_term_is_zero_without_a_change_even_for_a_row_of_zeros() {
    let features = Tensor::cat(
        &[
            random(3, 8, 1.0, 1),
            Tensor::zeros((1, 8), DType::F64, &Device::Cpu).unwrap(),
        ],
        0,
    )
    .unwrap();
    let features = features.to_dtype(DType::F32).unwrap();
    let features = normalise(&features.unsqueeze(0).unwrap()).unwrap();
    for &term in FeatureTerm::VARIANTS {
        assert_eq!(changes(term, &features, &features).unwrap(), [0.0]);
    }
}

#[test]
fn a_row_with_one_position_has_no_pairs() {
    let [before, after] = [1, 2].map(|seed| {
        let features = random(3, 8, 1.0, seed).to_dtype(DType::F32).unwrap();
        normalise(&features.unsqueeze(1).unwrap()).unwrap()
    });
    let changes = changes(FeatureTerm::Pairs, &before, &after).unwrap();
    assert_eq!(changes, [0.0; 3]);
}

#[test]
fn the_terms_of_vectors_and_of_their_mean_have_known_values() {
    let tensor = |values: &[[f32; 2]]| {
        let shape = (1, values.len(), 2);
        Tensor::from_vec(values.concat(), shape, &Device::Cpu).unwrap()
    };
    let before = tensor(&[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]);
    // Copy 1 swaps two positions, so their mean is the same. Copy 2 turns one vector by a quarter.
    let swapped = tensor(&[[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]);
    let turned = tensor(&[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
    let after = Tensor::cat(&[&swapped, &turned], 0).unwrap();
    for (term, expected) in [
        (FeatureTerm::Vectors, [4.0 / 3.0, 2.0 / 3.0]),
        (FeatureTerm::Mean, [0.0, 2.0 / 9.0]),
    ] {
        let ours = changes(term, &before, &after).unwrap();
        let near = |(ours, expected): (&f64, f64)| (ours - expected).abs() < 1e-6;
        assert!(ours.iter().zip(expected).all(near), "{term:?}: {ours:?}");
    }
}

/// Returns the mean divergence of rows with this number of outputs.
fn divergence(
    task: &dyn Answer,
    outputs: usize,
    left: &[f32],
    right: &[f32],
    temperature: f64,
) -> f64 {
    let rows = left.chunks(outputs).zip(right.chunks(outputs));
    let divergences = rows.map(|(left, right)| {
        let [left, right] = [left, right].map(|values| Outputs::new(values, 1));
        task.divergence(left, right, temperature)
    });
    mean(&divergences.collect::<Vec<_>>())
}

#[test]
fn the_divergence_is_zero_without_a_change_and_uses_its_temperature() {
    let (problem, number) = (task::classes(&["a", "b", "c"]), task::number());
    let (left, right) = (
        [1.0f32, -2.0, 0.5, 3.0, 0.0, 0.0],
        [0.5f32, -1.0, 0.5, 3.0, 0.1, 0.0],
    );
    assert_eq!(divergence(problem.as_ref(), 3, &left, &left, 4.0), 0.0);
    // Expected at temperature 2: the mean over two rows of 4 * KL.
    let softmax = |row: &[f32]| -> Vec<f64> {
        let powers: Vec<f64> = row
            .iter()
            .map(|&logit| (f64::from(logit) / 2.0).exp())
            .collect();
        powers
            .iter()
            .map(|power| power / powers.iter().sum::<f64>())
            .collect()
    };
    let expected: f64 = left
        .chunks(3)
        .zip(right.chunks(3))
        .map(|(a, b)| {
            softmax(a)
                .iter()
                .zip(softmax(b))
                .map(|(p, q)| 4.0 * p * (p / q).ln())
                .sum::<f64>()
        })
        .sum::<f64>()
        / 2.0;
    assert!((divergence(problem.as_ref(), 3, &left, &right, 2.0) - expected).abs() < 1e-12);
    // A constant added to a row's logits changes nothing.
    let shifted: Vec<f32> = left.iter().map(|logit| logit + 8.0).collect();
    assert!(divergence(problem.as_ref(), 3, &left, &shifted, 4.0).abs() < 1e-9);
    assert_eq!(
        divergence(number.as_ref(), 1, &[1.0, 2.0], &[1.5, 0.0], 4.0),
        2.125
    );
}
