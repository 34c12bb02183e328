//! The joint fit of the two maps of a block, on maps whose best fit is known.

use candle_core::{Device, Tensor};
use optin::model::affine::Affine;
use optin::model::hidden::{Hidden, Layout};
use optin::model::nn::activation::Activation;
use optin::model::nn::kernel::window::Window;
use optin::model::nn::linear::Linear;
use optin::prune::compensate::example::Example;
use optin::prune::compensate::joint::{Pair, fit};
use optin::prune::compensate::moments::Moments;
use optin::prune::compensate::solve::solve;
use optin::prune::score::sample::draw;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const RIDGE: f64 = 1e-6;

fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values = (0..shape.iter().product()).map(|_| random.random_range(-1.0f32..1.0));
    Tensor::from_vec(values.collect::<Vec<f32>>(), shape, &Device::Cpu).unwrap()
}

fn linear([outputs, inputs]: [usize; 2], seed: u64) -> Linear {
    Linear::new(
        random(&[outputs, inputs], seed),
        random(&[outputs], seed + 1),
    )
}

/// Returns the first units of a pair.
fn first(pair: &Pair, units: usize) -> Pair {
    let kept: Vec<u32> = (0..units as u32).collect();
    let kept = Tensor::new(kept, &Device::Cpu).unwrap();
    let projection = pair.projection.linear();
    let columns = pair.projection.columns_of(0..units).len();
    let weight = projection.weight().narrow(1, 0, columns).unwrap();
    let weight = Linear::new(weight.contiguous().unwrap(), projection.bias().cloned());
    Pair {
        entry: pair.entry.of_rows(&kept).unwrap(),
        activation: pair.activation,
        projection: pair.projection.with(weight).unwrap(),
    }
}

fn outputs(pair: &Pair, input: &Hidden) -> Tensor {
    let units = pair.entry.forward_activated(input, pair.activation);
    pair.projection.forward(&units.unwrap()).unwrap().stream
}

/// Returns what the whole pair computes from random inputs.
fn examples(whole: &Pair, input: Hidden) -> Vec<Example> {
    let target = outputs(whole, &input);
    let (rows, positions, _) = target.dims3().unwrap();
    vec![Example {
        target,
        weights: None,
        sample: draw(&[(rows, positions)], usize::MAX, 0).remove(0),
        input,
    }]
}

/// Returns the relative squared error of a pair after its projection is solved.
fn error(examples: &[Example], pair: &Pair) -> f64 {
    let (outputs_count, inputs) = pair.projection.linear().weight().dims2().unwrap();
    let mut moments = Moments::new(inputs, outputs_count);
    for example in examples {
        let units = pair
            .entry
            .forward_activated(&example.input, pair.activation);
        let columns = pair.projection.columns(&units.unwrap()).unwrap();
        let [columns, target] = [&columns, &example.target].map(|of| of.flatten(0, 1).unwrap());
        moments
            .add(&columns, &target, example.weights.as_ref())
            .unwrap();
    }
    let solved = solve(&moments, pair.projection.linear(), RIDGE).unwrap();
    let solved = Pair {
        projection: pair.projection.with(solved.unwrap()).unwrap(),
        ..pair.clone()
    };
    let square = |tensor: Tensor| {
        let sum = tensor.sqr().unwrap().sum_all().unwrap();
        f64::from(sum.to_scalar::<f32>().unwrap())
    };
    let errors = examples.iter().map(|example| {
        let missed = (&example.target - outputs(&solved, &example.input)).unwrap();
        let missed = match &example.weights {
            Some(weights) => missed
                .flatten(0, 1)
                .unwrap()
                .broadcast_mul(weights)
                .unwrap(),
            None => missed,
        };
        square(missed) / square(example.target.clone())
    });
    errors.sum()
}

/// Returns the errors of a pair before and after the joint fit.
fn before_and_after(examples: &[Example], pair: &Pair) -> [f64; 2] {
    let entry = fit(examples, pair.clone(), RIDGE).unwrap();
    let fitted = Pair {
        entry: pair.entry.with(entry).unwrap(),
        ..pair.clone()
    };
    [error(examples, pair), error(examples, &fitted)]
}

/// A product of two maps with two outputs has rank two, so two units can represent it, but not two of the given ones.
#[test]
fn two_units_represent_a_linear_map_of_rank_two() {
    let whole = Pair {
        entry: Affine::OfPositions(linear([6, 8], 1)),
        activation: None,
        projection: Affine::OfPositions(linear([2, 6], 3)),
    };
    let examples = examples(&whole, Hidden::sequence(random(&[4, 50, 8], 5)));
    let [before, after] = before_and_after(&examples, &first(&whole, 2));
    assert!(before > 0.1, "{before}");
    assert!(after < 1e-4, "{after}");
}

#[test]
fn the_error_of_activated_units_falls() {
    for activation in [Activation::Relu, Activation::Gelu] {
        let whole = Pair {
            entry: Affine::OfPositions(linear([12, 6], 11)),
            activation: Some(activation),
            projection: Affine::OfPositions(linear([5, 12], 13)),
        };
        let examples = examples(&whole, Hidden::sequence(random(&[4, 60, 6], 15)));
        let [before, after] = before_and_after(&examples, &first(&whole, 6));
        assert!(after < 0.8 * before, "{activation:?}: {before} {after}");
    }
}

/// The first window has a stride and the second one overlaps, so every way back is used.
#[test]
fn the_error_of_convolutions_falls() {
    let window = |stride| Window::centered(3, stride);
    let whole = Pair {
        entry: Affine::new(linear([8, 3 * 9], 21), window(2)).unwrap(),
        activation: Some(Activation::Relu),
        projection: Affine::new(linear([4, 8 * 9], 23), window(1)).unwrap(),
    };
    let layout = Layout::Map {
        height: 10,
        width: 12,
        lead: 0,
    };
    let input = Hidden::new(random(&[12, 120, 3], 25), layout);
    let examples = examples(&whole, input);
    let [before, after] = before_and_after(&examples, &first(&whole, 4));
    assert!(after < 0.8 * before, "{before} {after}");
}

/// Positions without weight do not change the fit.
#[test]
fn positions_count_by_their_weights() {
    let whole = Pair {
        entry: Affine::OfPositions(linear([6, 8], 31)),
        activation: Some(Activation::Gelu),
        projection: Affine::OfPositions(linear([2, 6], 33)),
    };
    let pair = first(&whole, 3);
    let weights: Vec<f32> = (0..200).map(|at| (at % 2) as f32).collect();
    let fitted = [1.0, 50.0].map(|scale| {
        let mut examples = examples(&whole, Hidden::sequence(random(&[4, 50, 8], 35)));
        let weights = Tensor::from_vec(weights.clone(), (200, 1), &Device::Cpu).unwrap();
        let spoiled = weights.affine(1.0 - scale, scale).unwrap();
        let spoiled = spoiled.reshape((4, 50, 1)).unwrap();
        for example in &mut examples {
            example.target = example.target.broadcast_mul(&spoiled).unwrap();
            example.weights = Some(weights.clone());
        }
        fit(&examples, pair.clone(), RIDGE).unwrap()
    });
    let [plain, spoiled] = fitted.map(|linear| linear.weight().flatten_all().unwrap());
    let [plain, spoiled] = [plain, spoiled].map(|values| values.to_vec1::<f32>().unwrap());
    assert!(
        plain
            .iter()
            .zip(&spoiled)
            .all(|(a, b)| (a - b).abs() < 1e-3)
    );
    let start = pair.entry.linear().weight().flatten_all().unwrap();
    assert!(
        start
            .to_vec1::<f32>()
            .unwrap()
            .iter()
            .zip(&plain)
            .any(|(a, b)| (a - b).abs() > 1e-2)
    );
}
