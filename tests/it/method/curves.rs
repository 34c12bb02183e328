//! The cost of removals after a repair: the order of the elimination, the steps of a curve, and the measured divergence.

use std::path::Path;

use candle_core::{Device, Tensor};
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use optin::model::mask::Masks;
use optin::model::nn::linear::Linear;
use optin::model::nn::meter;
use optin::prune::answers::Answers;
use optin::prune::compensate::moments::Moments;
use optin::prune::compensate::{self, solve::solve_bias};
use optin::prune::curves::curve::Curve;
use optin::prune::curves::document;
use optin::prune::curves::elimination::{Elimination, eliminate};
use optin::prune::curves::{self, cost};
use optin::prune::journal::{FolderJournal, NoJournal};
use optin::prune::places::Places;
use optin::prune::plan;
use optin::prune::prepare::Prepared;
use optin::prune::recipe::{Importance, Method, PositionWeights, Recipe};
use optin::prune::score::combine::combine;
use optin::prune::score::score;
use optin::prune::score::scores::{Scores, UnitScores};
use optin::prune::score::teacher::Teacher;
use optin::prune::search::Limit;
use optin::prune::student::Student;
use optin::prune::watch::Unwatched;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

const RIDGE: f64 = 1e-2;

fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values = (0..shape.iter().product()).map(|_| random.random_range(-1.0f32..1.0));
    Tensor::from_vec(values.collect::<Vec<f32>>(), shape, &Device::Cpu).unwrap()
}

/// Returns by how much the squared error of the best remaining weights grows if some inputs are removed, from the Schur complement
/// of the Gram matrix `G`: `tr(W_B^T (G_BB - G_BK G_KK^-1 G_KB) W_B)`.
fn growth(gram: &Mat<f64>, weights: &[Vec<f32>], removed: &[usize]) -> f64 {
    let kept: Vec<usize> = (0..gram.nrows()).filter(|i| !removed.contains(i)).collect();
    let part = |rows: &[usize], columns: &[usize]| {
        Mat::from_fn(rows.len(), columns.len(), |row, column| {
            gram[(rows[row], columns[column])]
        })
    };
    let mut complement = part(removed, removed);
    if !kept.is_empty() {
        let factor = part(&kept, &kept).llt(Side::Lower).unwrap();
        complement -= part(removed, &kept) * factor.solve(part(&kept, removed));
    }
    let own = Mat::from_fn(removed.len(), weights.len(), |row, output| {
        f64::from(weights[output][removed[row]])
    });
    let products = own.transpose() * &complement * &own;
    (0..weights.len())
        .map(|output| products[(output, output)])
        .sum()
}

/// Checks each removal of units of `span` inputs against all others that are possible.
fn check(span: usize, biased: bool) {
    let (units, outputs, positions) = (7, 3, 60);
    let inputs = units * span;
    let mixed = random(&[positions, inputs], 1)
        .matmul(&random(&[inputs, inputs], 2))
        .unwrap();
    let weight = random(&[outputs, inputs], 3);
    let projection = Linear::new(weight, biased.then(|| random(&[outputs], 4)));
    let mut moments = Moments::new(inputs, outputs);
    let target = projection.forward(&mixed).unwrap();
    moments.add(&mixed, &target, None).unwrap();
    let rows = mixed.to_vec2::<f32>().unwrap();
    let mean = |input: usize| match biased {
        true => rows.iter().map(|row| f64::from(row[input])).sum::<f64>() / positions as f64,
        false => 0.0,
    };
    let value = |a: usize, b: usize| -> f64 {
        let products = rows
            .iter()
            .map(|row| (f64::from(row[a]) - mean(a)) * (f64::from(row[b]) - mean(b)));
        products.sum()
    };
    let ridge = RIDGE * (0..inputs).map(|at| value(at, at)).sum::<f64>() / inputs as f64;
    let gram = Mat::from_fn(inputs, inputs, |a, b| {
        value(a, b) + if a == b { ridge } else { 0.0 }
    });
    let weights = projection.weight().to_vec2::<f32>().unwrap();
    let Elimination { order, errors } = eliminate(&moments, &projection, span, RIDGE)
        .unwrap()
        .unwrap();
    assert_eq!(order.len(), units);
    let of = |units: &[usize]| -> f64 {
        let inputs = units.iter().flat_map(|unit| unit * span..(unit + 1) * span);
        growth(&gram, &weights, &inputs.collect::<Vec<_>>())
    };
    for removed in 1..=units {
        let error = of(&order[..removed]);
        let difference = (errors[removed - 1] / error - 1.0).abs();
        assert!(difference < 1e-4, "{removed} removed: {difference:e}");
        for &other in &order[removed..] {
            let mut instead = order[..removed - 1].to_vec();
            instead.push(other);
            assert!(of(&instead) >= error * (1.0 - 1e-6));
        }
    }
}

#[test]
fn each_removal_is_that_with_the_smallest_error_after_least_squares() {
    for span in [1, 3] {
        check(span, true);
        check(span, false);
    }
}

/// Of more than 64 units several are removed at once. Their error is that of all of them together.
#[test]
fn the_error_of_units_that_are_removed_at_once_is_exact() {
    let (inputs, outputs) = (130, 2);
    let rows = random(&[400, inputs], 5);
    let projection = Linear::new(random(&[outputs, inputs], 6), None);
    let mut moments = Moments::new(inputs, outputs);
    let target = projection.forward(&rows).unwrap();
    moments.add(&rows, &target, None).unwrap();
    let found = eliminate(&moments, &projection, 1, RIDGE).unwrap().unwrap();
    let mut units = found.order.clone();
    units.sort_unstable();
    assert!(units.into_iter().eq(0..inputs));
    assert!(found.errors.windows(2).all(|pair| pair[0] <= pair[1]));
    let diagonal = (0..inputs)
        .map(|at| moments.gram[at * inputs + at])
        .sum::<f64>();
    let ridge = RIDGE * diagonal / inputs as f64;
    let gram = Mat::from_fn(inputs, inputs, |a, b| {
        moments.gram[a * inputs + b] + if a == b { ridge } else { 0.0 }
    });
    let weights = projection.weight().to_vec2::<f32>().unwrap();
    // A 64th of the units is removed at once: first three of 130, then two of 127.
    for removed in [3, 5, inputs] {
        let error = growth(&gram, &weights, &found.order[..removed]);
        let difference = (found.errors[removed - 1] / error - 1.0).abs();
        assert!(difference < 1e-5, "{removed} removed: {difference:e}");
    }
}

#[test]
fn the_steps_of_a_curve_follow_the_error_between_measured_points() {
    let elimination = || Elimination {
        order: vec![2, 0, 3, 1],
        errors: vec![1.0, 4.0, 5.0, 6.0],
    };
    let curve = Curve::through(&[(2, 1.0), (4, 5.0)], elimination());
    assert_eq!(curve.steps, [0.25, 0.75, 2.0, 2.0]);
    // The scores 0 1 4 9 belong to the ranks, and the units have the ranks 1 3 0 2.
    let importance = curve.importance(&[9.0, 4.0, 1.0, 0.0]);
    let expected = [0.75f64.sqrt(), 18f64.sqrt(), 0.0, 8f64.sqrt()];
    assert_eq!(importance, expected);
    // Steps that fall are replaced by their mean, and by 0 if that is below 0.
    let curve = Curve::through(&[(2, 8.0), (4, 10.0)], elimination());
    assert_eq!(curve.steps, [2.0, 8.0 / 3.0, 8.0 / 3.0, 8.0 / 3.0]);
    let curve = Curve::through(&[(1, -1.0), (4, 5.0)], elimination());
    assert_eq!(curve.steps[0], 0.0);
}

#[test]
fn groups_without_a_curve_keep_their_ratio_to_the_others() {
    let group = |answers: Vec<f64>| UnitScores {
        features: 1,
        manifold: vec![0.0; answers.len()],
        answers,
    };
    let scores = Scores {
        groups: vec![group(vec![1.0, 4.0]), group(vec![2.0, 1.0])],
        local: vec![vec![1.0; 2]; 2],
        curves: vec![
            Some(Curve {
                order: vec![1, 0],
                steps: vec![4.0, 9.0],
            }),
            None,
        ],
    };
    let method = |importance| Method {
        importance,
        ..Method::default()
    };
    // The mean of all answer terms is 2. The scores of the first group are .5 and 2, and unit 1 is removed first.
    let corrected = combine(&scores, &method(Importance::AfterRepair)).groups;
    let expected = [18f64.sqrt(), 2f64.sqrt()];
    let factor = (expected[0] + expected[1]) / 2.5;
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
    near(corrected[0][0], expected[0]);
    near(corrected[0][1], expected[1]);
    near(corrected[1][0], factor);
    near(corrected[1][1], 0.5 * factor);
    let plain = combine(&scores, &method(Importance::Optin)).groups;
    assert_eq!(plain, [[0.5, 2.0], [1.0, 0.5]]);
}

#[test]
fn curves_are_stored_and_read_again() {
    let curve = Curve {
        order: vec![1, 0, 2],
        steps: vec![0.1, 0.2, 0.3],
    };
    let curves = vec![None, Some(curve)];
    let bytes = document::encode(&curves).unwrap();
    assert_eq!(document::decode(&bytes, &[5, 3]), Some(curves));
    assert_eq!(document::decode(&bytes, &[5, 4]), None);
    assert_eq!(document::decode(b"damaged", &[5, 3]), None);
    let twice = vec![Some(Curve {
        order: vec![1, 1],
        steps: vec![0.1, 0.2],
    })];
    let bytes = document::encode(&twice).unwrap();
    assert_eq!(document::decode(&bytes, &[2]), None);
}

/// The steps of a curve add up to the divergence without any units, whose projection has only a bias.
#[test]
fn a_curve_ends_at_the_divergence_of_a_block_without_units() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.5);
    recipe.method.importance = Importance::AfterRepair;
    let prepared = Prepared::read(&folder.places("unused"), &recipe).unwrap();
    let model = &prepared.model;
    let cache = tempfile::tempdir().unwrap();
    let journal = FolderJournal::open(cache.path()).unwrap();
    let scores = score(&prepared, &recipe, &journal, &Unwatched).unwrap();
    assert_eq!(
        score(&prepared, &recipe, &journal, &Unwatched).unwrap(),
        scores
    );
    let rows = prepared.scoring_rows(&recipe);
    let batches = prepared.calibration.batches_of(&rows, 1_000);
    let full = Masks::full(&model.groups);
    compensate::visit_moments(
        &prepared,
        &recipe,
        &NoJournal,
        &Unwatched,
        |block, moments| {
            let group = model.groups_at(block)[0];
            let Some(curve) = &scores.curves[group] else {
                assert!(model.groups[group].heads.is_some() || model.groups[group].seat.span > 1);
                return Ok(());
            };
            let mut masks = full.clone();
            (0..model.groups[group].width).for_each(|unit| masks.drop_unit(group, unit));
            let mut student = Student::new(model, masks)?;
            let alone = solve_bias(&moments.of_inputs(&[]), student.projection(block).linear())?;
            student.replace(block, alone.unwrap())?;
            let mut total = 0.0;
            for index in 0..batches.len() {
                let batch = batches.load(index)?;
                let before = Answers::of(&model.forward(&batch, &full)?)?;
                let after = Answers::of(&student.forward(&batch)?)?;
                for (before, after) in before.rows().zip(after.rows()) {
                    let temperature = recipe.method.temperature;
                    total += prepared.answer.divergence(before, after, temperature);
                }
            }
            let sum: f64 = curve.steps.iter().sum();
            let expected = total / rows.len() as f64;
            assert!((sum / expected - 1.0).abs() < 1e-3, "{sum} {expected}");
            Ok(())
        },
    )
    .unwrap();
    let curves = scores.curves.iter().flatten().count();
    assert_eq!(curves, model.groups.len() / 2);
}

/// Checks that the plan knows the MACs of the curves before they are measured.
fn check_cost(prepared: &Prepared, recipe: &Recipe) {
    let teacher = Teacher::run(prepared, recipe).unwrap();
    let (curves, executed) = meter::measure(|| {
        curves::measure_once(prepared, &teacher, recipe, &NoJournal, &Unwatched, &|_| {})
    });
    assert!(curves.unwrap().iter().any(Option::is_some));
    let ratio = cost::macs(prepared, recipe) as f64 / executed as f64;
    // The plan counts the runs as if no channels were cut.
    assert!((0.95..1.25).contains(&ratio), "{ratio}");
    let mut without = recipe.clone();
    without.method.importance = Importance::Optin;
    let plan = |recipe: &Recipe| {
        let limit = Limit::of(prepared, recipe, &NoJournal, &Unwatched).unwrap();
        plan::draw_up(prepared, recipe, &limit.cost).unwrap()
    };
    assert_eq!(
        plan(recipe).scoring_macs - plan(&without).scoring_macs,
        cost::macs(prepared, recipe)
    );
}

#[test]
fn a_plan_counts_the_curves_of_a_transformer() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.5);
    recipe.method.importance = Importance::AfterRepair;
    recipe.method.position_weights = PositionWeights::Uniform;
    let prepared = Prepared::read(&folder.places("unused"), &recipe).unwrap();
    check_cost(&prepared, &recipe);
}

#[test]
fn a_plan_counts_the_curves_of_a_convolutional_network() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fashion-mnist");
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.5);
    recipe.method.importance = Importance::AfterRepair;
    let places = Places {
        model: example.join("cnn"),
        calibration: example.join("calibration.npz"),
        evaluation: None,
        ..folder.places("unused")
    };
    recipe.evaluation = None;
    let prepared = Prepared::read(&places, &recipe).unwrap();
    check_cost(&prepared, &recipe);
}
