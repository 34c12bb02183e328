//! The ridge solution, checked against its gradient and against closed forms.

use candle_core::{Device, Tensor};
use optin::model::mask::Masks;
use optin::model::nn::linear::Linear;
use optin::prune::compensate::moments::Moments;
use optin::prune::compensate::places::Places;
use optin::prune::compensate::sensitivity::position_weights;
use optin::prune::compensate::solve::{solve, solve_bias};
use optin::prune::compensate::{compensate, compensate_within};
use optin::prune::journal::NoJournal;
use optin::prune::prepare::Prepared;
use optin::prune::recipe::Compensation;
use optin::prune::repairs::Repairs;
use optin::prune::watch::Unwatched;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::fixture::bert::Tiny;
use crate::fixture::examples::dataset;
use crate::fixture::folder::{Folder, open};
use crate::fixture::task;

const INPUTS: usize = 5;
const OUTPUTS: usize = 3;
const TOKENS: usize = 60;

fn random(shape: (usize, usize), seed: u64) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.0 * shape.1)
        .map(|_| random.random_range(-1.0..1.0))
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn linear(seed: u64) -> Linear {
    Linear::new(
        random((OUTPUTS, INPUTS), seed),
        random((1, OUTPUTS), seed + 1).squeeze(0).unwrap(),
    )
}

fn moments(inputs: &Tensor, targets: &Tensor) -> Moments {
    let mut moments = Moments::new(INPUTS, OUTPUTS);
    // The sums must not depend on the division into batches.
    for (start, count) in [(0, 23), (23, TOKENS - 23)] {
        moments
            .add(
                &inputs.narrow(0, start, count).unwrap(),
                &targets.narrow(0, start, count).unwrap(),
                None,
            )
            .unwrap();
    }
    moments
}

fn assert_close(left: &Tensor, right: &Tensor, tolerance: f32) {
    let difference = (left - right)
        .unwrap()
        .abs()
        .unwrap()
        .flatten_all()
        .unwrap()
        .max(0)
        .unwrap()
        .to_scalar::<f32>()
        .unwrap();
    assert!(difference < tolerance, "{difference}");
}

#[test]
fn an_exact_linear_target_is_recovered() {
    let (truth, start) = (linear(1), linear(5));
    // The inputs are not centered, so the bias matters.
    let inputs = (random((TOKENS, INPUTS), 9) + 3.0).unwrap();
    let targets = truth.forward(&inputs).unwrap();
    let solved = solve(&moments(&inputs, &targets), &start, 1e-9)
        .unwrap()
        .unwrap();
    assert_close(solved.weight(), truth.weight(), 1e-3);
    assert_close(&solved.forward(&inputs).unwrap(), &targets, 1e-3);
}

#[test]
fn a_strong_ridge_keeps_the_original_weights_and_changes_only_the_bias() {
    let (truth, start) = (linear(1), linear(5));
    let inputs = random((TOKENS, INPUTS), 9);
    let targets = truth.forward(&inputs).unwrap();
    let solved = solve(&moments(&inputs, &targets), &start, 1e7)
        .unwrap()
        .unwrap();
    assert_close(solved.weight(), start.weight(), 1e-4);
    let residual = (&targets - solved.forward(&inputs).unwrap())
        .unwrap()
        .mean(0)
        .unwrap();
    assert_close(&residual, &residual.zeros_like().unwrap(), 1e-5);
}

/// The gradient of `sum ||y - W x - b||^2 + rho ||W - W0||^2` is zero at the solution.
#[test]
fn the_gradient_is_zero_at_the_solution() {
    let start = linear(5);
    let (inputs, targets) = (
        (random((TOKENS, INPUTS), 9) + 0.7).unwrap(),
        random((TOKENS, OUTPUTS), 10),
    );
    let ridge = 0.05;
    let solved = solve(&moments(&inputs, &targets), &start, ridge)
        .unwrap()
        .unwrap();
    let centered = inputs
        .broadcast_sub(&inputs.mean_keepdim(0).unwrap())
        .unwrap();
    let diagonal = centered
        .sqr()
        .unwrap()
        .sum_all()
        .unwrap()
        .to_scalar::<f32>()
        .unwrap()
        / INPUTS as f32;
    let residual = (solved.forward(&inputs).unwrap() - &targets).unwrap();
    let of_fit = residual.t().unwrap().matmul(&inputs).unwrap();
    let of_ridge =
        ((solved.weight() - start.weight()).unwrap() * (ridge * f64::from(diagonal))).unwrap();
    assert_close(&of_fit, &of_ridge.neg().unwrap(), 1e-3);
    let of_bias = residual.sum(0).unwrap();
    assert_close(&of_bias, &of_bias.zeros_like().unwrap(), 1e-3);
}

/// Equal columns make the system singular without a ridge. The ridge makes it solvable.
#[test]
fn linearly_dependent_inputs_are_solved() {
    let start = linear(5);
    let column = random((TOKENS, 1), 9);
    let inputs = Tensor::cat(&[&column; INPUTS], 1).unwrap();
    let targets = random((TOKENS, OUTPUTS), 10);
    let solved = solve(&moments(&inputs, &targets), &start, 1e-2)
        .unwrap()
        .unwrap();
    let error = |linear: &Linear| {
        (&targets - linear.forward(&inputs).unwrap())
            .unwrap()
            .sqr()
            .unwrap()
            .sum_all()
            .unwrap()
            .to_scalar::<f32>()
            .unwrap()
    };
    assert!(error(&solved) < error(&start));
}

#[test]
fn a_weight_counts_like_repetitions_of_a_token() {
    let start = linear(5);
    let inputs = random((TOKENS, INPUTS), 9);
    let targets = random((TOKENS, OUTPUTS), 10);
    let counts: Vec<usize> = (0..TOKENS).map(|token| 1 + token % 3).collect();
    let repeated = counts.iter().enumerate();
    let repeated: Vec<u32> = repeated
        .flat_map(|(token, &count)| std::iter::repeat_n(token as u32, count))
        .collect();
    let repeated = Tensor::new(repeated, inputs.device()).unwrap();
    let mut unweighted = Moments::new(INPUTS, OUTPUTS);
    let rows = |tensor: &Tensor| tensor.index_select(&repeated, 0).unwrap();
    unweighted
        .add(&rows(&inputs), &rows(&targets), None)
        .unwrap();
    let weights: Vec<f32> = counts.iter().map(|&count| count as f32).collect();
    let weights = Tensor::from_vec(weights, (TOKENS, 1), inputs.device()).unwrap();
    let mut weighted = Moments::new(INPUTS, OUTPUTS);
    weighted.add(&inputs, &targets, Some(&weights)).unwrap();
    let [unweighted, weighted] =
        [unweighted, weighted].map(|moments| solve(&moments, &start, 1e-2).unwrap().unwrap());
    assert_close(unweighted.weight(), weighted.weight(), 1e-5);
    assert_close(unweighted.bias().unwrap(), weighted.bias().unwrap(), 1e-5);
}

#[test]
fn a_bias_alone_removes_the_mean_error() {
    let start = linear(5);
    let inputs = (random((TOKENS, INPUTS), 9) + 0.7).unwrap();
    let targets = random((TOKENS, OUTPUTS), 10);
    let solved = solve_bias(&moments(&inputs, &targets), &start);
    let solved = solved.unwrap().unwrap();
    assert_close(solved.weight(), start.weight(), f32::MIN_POSITIVE);
    let residual = (&targets - solved.forward(&inputs).unwrap()).unwrap();
    let mean = residual.mean(0).unwrap();
    assert_close(&mean, &mean.zeros_like().unwrap(), 1e-5);
}

/// The classifier reads only the first position of the last layer.
#[test]
fn positions_are_weighted_by_their_effect_on_the_answers() {
    let folder = Folder::new(Tiny::default());
    let (_weights, model) = open(&folder.model());
    let batches = [folder.tiny.batch(2, 9, 1), folder.tiny.batch(3, 4, 2)];
    let task = task::classes(&["a", "b", "c"]);
    let data = dataset(&batches);
    let batches = data.batches(18);
    let places = Places::new(&model.reads, 0);
    let counts = position_weights(&model, task.as_ref(), &batches, places).unwrap();
    let last = model.groups.len() - 1;
    for block in 0..=last {
        let all = || counts.iter().flat_map(|batch| &batch[block]);
        let mean = all().sum::<f32>() / all().count() as f32;
        assert!((mean - 1.0).abs() < 1e-4, "block {block}: {mean}");
        assert!(all().all(|&weight| weight > 0.0));
    }
    for (batch, counts) in batches.load_all().unwrap().iter().zip(&counts) {
        // The last layer has only the position that the head reads.
        assert_eq!(counts[last].len(), batch.len());
        assert_eq!(counts[0].len(), batch.len() * batch.length());
        let tokens = counts[last - 2].chunks_exact(batch.length());
        for weights in tokens {
            assert!(weights.iter().all(|&weight| weight > 0.03));
            assert!(weights.iter().any(|&weight| weight != weights[0]));
        }
    }
}

/// A run whose hidden states do not fit into memory computes them again.
#[test]
fn states_that_are_not_kept_give_the_same_repairs() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.5);
    recipe.method.compensation = Compensation::Joint;
    let prepared = Prepared::read(&folder.places("unused"), &recipe).unwrap();
    let mut masks = Masks::full(&prepared.model.groups);
    for (index, group) in prepared.model.groups.iter().enumerate() {
        for unit in (0..group.width).filter(|unit| group.heads.is_none() && unit % 3 == 1) {
            masks.drop_unit(index, unit);
        }
    }
    let kept = compensate(&prepared, &masks, &recipe, &NoJournal, &Unwatched).unwrap();
    let none = compensate_within(0, &prepared, &masks, &recipe, &NoJournal, &Unwatched).unwrap();
    assert!(kept.projections.iter().any(Option::is_some));
    assert!(kept.entries.iter().any(Option::is_some));
    let maps = |repairs: &Repairs| [repairs.projections.clone(), repairs.entries.clone()].concat();
    for (kept, none) in maps(&kept).iter().zip(&maps(&none)) {
        match (kept, none) {
            (Some(kept), Some(none)) => assert_close(kept.weight(), none.weight(), 1e-4),
            (None, None) => {}
            _ => panic!("one run repaired a map that the other one left"),
        }
    }
}
