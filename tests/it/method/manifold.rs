//! The manifold term's difference form against the plain one, and the divergence's properties.

use candle_core::{DType, Device, Tensor};
use optin::checkpoint::config::Problem;
use optin::prune::score::divergence::divergence;
use optin::prune::score::manifold::{gram_change, normalise};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

fn random(rows: usize, width: usize, size: f64, seed: u64) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f64> = (0..rows * width)
        .map(|_| size * random.random_range(-1.0..1.0))
        .collect();
    Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()
}

/// `||F' F'^T - F F^T||^2` as it is written, in f64.
fn plain(reference: &Tensor, changed: &Tensor) -> f64 {
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
        .sum_all()
        .unwrap()
        .to_scalar::<f64>()
        .unwrap()
}

#[test]
fn the_difference_form_is_the_plain_one_for_large_and_for_tiny_changes() {
    for (size, tolerance) in [(1.0, 1e-5), (1e-2, 1e-4), (1e-4, 2e-3)] {
        // 70 rows: more than two tiles, and not a multiple of one.
        let reference = random(70, 16, 1.0, 1);
        // Rounded first, so that both forms see the same numbers.
        let reference = reference.to_dtype(DType::F32).unwrap();
        let changed = (reference.to_dtype(DType::F64).unwrap() + random(70, 16, size, 2))
            .unwrap()
            .to_dtype(DType::F32)
            .unwrap();
        let exact = plain(
            &reference.to_dtype(DType::F64).unwrap(),
            &changed.to_dtype(DType::F64).unwrap(),
        );
        let ours = gram_change(
            &normalise(&reference).unwrap(),
            &normalise(&changed).unwrap(),
        )
        .unwrap();
        assert!(
            (ours / exact - 1.0).abs() < tolerance,
            "change of {size}: {ours} against {exact}"
        );
    }
}

#[test]
fn no_change_costs_nothing_and_a_row_of_zeros_is_no_number_trouble() {
    let features = Tensor::cat(
        &[
            random(3, 8, 1.0, 1),
            Tensor::zeros((1, 8), DType::F64, &Device::Cpu).unwrap(),
        ],
        0,
    )
    .unwrap();
    let features = normalise(&features.to_dtype(DType::F32).unwrap()).unwrap();
    assert_eq!(gram_change(&features, &features).unwrap(), 0.0);
}

#[test]
fn divergence_is_zero_only_without_change_and_uses_its_temperature() {
    let problem = Problem::Classification {
        labels: vec!["a".into(), "b".into(), "c".into()],
    };
    let (left, right) = (
        [1.0f32, -2.0, 0.5, 3.0, 0.0, 0.0],
        [0.5f32, -1.0, 0.5, 3.0, 0.1, 0.0],
    );
    assert_eq!(divergence(&problem, &left, &left, 4.0), 0.0);
    // By hand, at temperature 2: mean over two rows of 4 * KL.
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
    let by_hand: f64 = left
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
    assert!((divergence(&problem, &left, &right, 2.0) - by_hand).abs() < 1e-12);
    // A constant added to a row's logits changes nothing.
    let shifted: Vec<f32> = left.iter().map(|logit| logit + 8.0).collect();
    assert!(divergence(&problem, &left, &shifted, 4.0).abs() < 1e-9);
    assert_eq!(
        divergence(&Problem::Regression, &[1.0, 2.0], &[1.5, 0.0], 4.0),
        2.125
    );
}
