//! Exact scores, compared with the reference: one complete f64 forward pass per unit, with Gram matrices computed
//! directly. Also tests of the sample, the combination of terms, and the local term.

use std::sync::Mutex;

use candle_core::{Device, Tensor};
use optin::answer::task::Answer;
use optin::model::batch::Batch;
use optin::model::chain::Model;
use optin::model::mask::Masks;
use optin::model::unit::{Channels, Units};
use optin::prune::recipe::{Importance, Method, Trajectory};
use optin::prune::score::combine::combine;
use optin::prune::score::exact::{self, Wanted};
use optin::prune::score::local;
use optin::prune::score::sample;
use optin::prune::score::scored::Scored;
use optin::prune::score::scores::{Scores, UnitScores};
use optin::prune::score::teacher::{TRAJECTORY_BYTES, Teacher};
use strum::VariantArray;

use super::reference::{Dropped, Reference, Rows};
use crate::fixture::bert::Tiny;
use crate::fixture::folder::{Folder, open, open_with};
use crate::fixture::task;
use optin::statistics::mean;

const GRAM_POSITIONS: usize = 5;
const SEED: u64 = 5;

/// Returns the features at the sampled positions of each row, `[feature][row][position]`, and all logits.
fn trajectory(
    reference: &Reference<'_>,
    batches: &[Batch],
    dropped: Dropped,
) -> (Vec<Vec<Rows>>, Vec<Vec<f64>>) {
    let sizes = batches.iter().map(|batch| (batch.len(), batch.length()));
    let samples = sample::draw(&sizes.collect::<Vec<_>>(), GRAM_POSITIONS, SEED);
    let mut features = vec![Vec::new(); reference.tiny.layers];
    let mut logits = Vec::new();
    for (batch, sample) in batches.iter().zip(samples) {
        let (ids, types) = batch.input.tokens().unwrap();
        let (ids, types) = (
            ids.to_vec2::<u32>().unwrap(),
            types.to_vec2::<u32>().unwrap(),
        );
        for (row, (ids, types)) in ids.iter().zip(&types).enumerate() {
            let (layers, row_logits) = reference.run(ids, types, dropped);
            let (last, others) = features.split_last_mut().unwrap();
            let own = sample.positions(row);
            for (feature, layer) in others.iter_mut().zip(&layers) {
                feature.push(
                    own.iter()
                        .map(|&position| layer[position].clone())
                        .collect(),
                );
            }
            // The head reads only the first position, so the last layer computes no other.
            last.push(vec![layers[layers.len() - 1][0].clone()]);
            logits.push(row_logits);
        }
    }
    (features, logits)
}

fn gram(rows: &Rows) -> Rows {
    let unit: Rows = rows
        .iter()
        .map(|row| {
            let norm = row.iter().map(|value| value * value).sum::<f64>().sqrt();
            row.iter().map(|value| value / norm).collect()
        })
        .collect();
    unit.iter()
        .map(|a| {
            unit.iter()
                .map(|b| a.iter().zip(b).map(|(a, b)| a * b).sum())
                .collect()
        })
        .collect()
}

/// Returns the mean over the rows of the mean squared change of their Gram matrices.
fn gram_distance(left: &[Rows], right: &[Rows]) -> f64 {
    let rows = left.iter().zip(right).map(|(left, right)| {
        let (left, right) = (gram(left).concat(), gram(right).concat());
        let squares = left.iter().zip(&right).map(|(a, b)| (a - b).powi(2));
        mean(&squares.collect::<Vec<f64>>())
    });
    mean(&rows.collect::<Vec<f64>>())
}

fn divergence(left: &[Vec<f64>], right: &[Vec<f64>], temperature: f64) -> f64 {
    let softmax = |row: &[f64]| -> Vec<f64> {
        let powers: Vec<f64> = row
            .iter()
            .map(|logit| (logit / temperature).exp())
            .collect();
        powers
            .iter()
            .map(|power| power / powers.iter().sum::<f64>())
            .collect()
    };
    let rows = left.iter().zip(right).map(|(a, b)| {
        softmax(a)
            .iter()
            .zip(softmax(b))
            .map(|(p, q)| p * (p / q).ln())
            .sum::<f64>()
    });
    temperature * temperature * rows.sum::<f64>() / left.len() as f64
}

fn teacher<'a>(model: &'a Model, task: &'a dyn Answer, batches: Vec<Batch>) -> Teacher<'a> {
    Teacher::follow(
        model,
        Scored::answers(model, task),
        batches,
        GRAM_POSITIONS,
        SEED,
        TRAJECTORY_BYTES,
    )
    .unwrap()
}

#[test]
fn exact_scores_equal_those_of_one_complete_forward_pass_per_unit() {
    let folder = Folder::new(Tiny::default());
    let tiny = &folder.tiny;
    let (weights, model) = open(&folder.model());
    let reference = Reference {
        tiny,
        weights: &weights,
    };
    let batches = vec![
        tiny.batch(2, 9, 1),
        tiny.batch(1, 5, 2),
        tiny.batch(3, 4, 3),
    ];
    let task = task::classes(&["a", "b", "c"]);
    let teacher = teacher(&model, task.as_ref(), batches.clone());
    let recipe = folder.recipe(0.5);
    let temperature = recipe.method.temperature;
    let (features, logits) = trajectory(&reference, &batches, None);
    let groups = model.groups.iter().enumerate();
    let wanted = groups.map(|(index, group)| Wanted {
        group: index,
        units: (0..group.width).collect(),
    });
    let wanted: Vec<Wanted> = wanted.collect();
    let finished = Mutex::new(Vec::new());
    let finish = |place, scores: &UnitScores| {
        finished.lock().unwrap().push((place, scores.clone()));
        Ok(())
    };
    let scores = exact::score(&teacher, &recipe.method, &wanted, &|_| Ok(()), &finish).unwrap();
    let mut finished = finished.into_inner().unwrap();
    finished.sort_by_key(|(place, _)| *place);
    let in_order: Vec<(usize, UnitScores)> = scores.iter().cloned().enumerate().collect();
    assert_eq!(
        finished, in_order,
        "each group must be reported once, with all its units"
    );
    for (block, (group, scores)) in model.groups.iter().zip(&scores).enumerate() {
        let layer = block / 2;
        assert_eq!(scores.features, tiny.layers - layer);
        for unit in 0..group.width {
            let (changed, moved) =
                trajectory(&reference, &batches, Some((layer, block % 2 == 0, unit)));
            for after in 0..scores.features {
                let expected = gram_distance(&features[layer + after], &changed[layer + after]);
                let ours = scores.manifold[unit * scores.features + after];
                assert!(
                    (ours - expected).abs() <= 1e-3 * expected + 1e-20,
                    "{} {unit}, feature {after}: {ours}, expected {expected}",
                    group.name
                );
            }
            let expected = divergence(&logits, &moved, temperature);
            assert!(
                (scores.answers[unit] - expected).abs() < 1e-3 * expected + 1e-9,
                "{} {unit}: {}, expected {expected}",
                group.name,
                scores.answers[unit]
            );
        }
    }
}

#[test]
fn the_sample_depends_on_the_seed_and_contains_equally_many_positions_of_each_row() {
    let batches = [(2, 9), (1, 5), (3, 4)];
    let drawn = sample::draw(&batches, 5, 1);
    for (sample, (rows, length)) in drawn.iter().zip(batches) {
        assert_eq!(sample.each(), length.min(5));
        for row in 0..rows {
            let positions = sample.positions(row);
            assert_eq!(positions.len(), sample.each());
            assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(positions.iter().all(|&position| position < length));
        }
    }
    assert_eq!(drawn, sample::draw(&batches, 5, 1));
    assert_ne!(drawn, sample::draw(&batches, 5, 2));
    assert_eq!(
        drawn[0].of_rows(&(1..2)).positions(0),
        drawn[0].positions(1)
    );
}

#[test]
fn sampled_vectors_return_to_their_positions() {
    let values: Vec<f32> = (0..4 * 3 * 2).map(|value| value as f32 + 1.0).collect();
    let feature = Tensor::from_vec(values, (4, 3, 2), &Device::Cpu).unwrap();
    for wanted in [1, 2, 3] {
        let sample = sample::draw(&[(2, 3)], wanted, 7).remove(0);
        let sampled = sample.select(&feature).unwrap();
        assert_eq!(sampled.dims(), [4, wanted, 2]);
        let spread = sample.spread(&sampled).unwrap().to_vec3::<f32>().unwrap();
        let feature = feature.to_vec3::<f32>().unwrap();
        // Two copies of the two rows, with the same positions.
        for row in 0..4 {
            let own = sample.positions(row % 2);
            for position in 0..3 {
                let expected = match own.contains(&position) {
                    true => feature[row][position].clone(),
                    false => vec![0.0; 2],
                };
                assert_eq!(spread[row][position], expected);
            }
        }
    }
}

#[test]
fn terms_are_normalized_over_all_units_before_they_are_weighted() {
    let scores = Scores {
        groups: vec![
            UnitScores {
                features: 2,
                manifold: vec![2.0, 4.0, 0.0, 2.0],
                answers: vec![3.0, 0.0],
            },
            UnitScores {
                features: 1,
                manifold: vec![8.0, 0.0],
                answers: vec![1.0, 0.0],
            },
        ],
        local: vec![vec![4.0, 1.0], vec![9.0, 1.0]],
        curves: vec![None, None],
    };
    let method = Method {
        trajectory: Trajectory::Mean,
        answer_weight: 0.5,
        ..Method::default()
    };
    // Mean over the features: 3 1 | 8 0, with mean 3. Logit terms: 3 0 | 1 0, with mean 1.
    let mean = combine(&scores, &method);
    assert_eq!(
        mean.groups,
        vec![vec![1.0 + 1.5, 1.0 / 3.0], vec![8.0 / 3.0 + 0.5, 0.0]]
    );
    // Sum over the features: 6 2 | 8 0, with mean 4.
    let sum = combine(
        &scores,
        &Method {
            trajectory: Trajectory::Sum,
            ..method
        },
    );
    assert_eq!(sum.groups, vec![vec![1.5 + 1.5, 0.5], vec![2.0 + 0.5, 0.0]]);
    // The formula of the paper ignores the weights of the recipe.
    let paper = combine(
        &scores,
        &Method {
            importance: Importance::Paper,
            local_weight: 0.7,
            ..method
        },
    );
    assert_eq!(
        paper.groups,
        vec![vec![1.5 + 0.1 * 3.0, 0.5], vec![2.0 + 0.1, 0.0]]
    );
    let local = combine(
        &scores,
        &Method {
            importance: Importance::Fisher,
            local_weight: 0.5,
            ..method
        },
    );
    assert_eq!(
        local.groups,
        vec![vec![(3.0f64 * 4.0).sqrt(), 0.0], vec![3.0, 0.0]]
    );
}

#[test]
fn the_local_term_is_the_contribution_of_a_unit_to_its_block() {
    for units in Units::VARIANTS {
        check_local_terms(*units);
    }
}

/// Checks that the local term of each unit is the squared change of its block's sum without the unit.
fn check_local_terms(units: Units) {
    let folder = Folder::new(Tiny::default());
    let (_weights, model) = open_with(&folder.model(), units);
    let batches = vec![folder.tiny.batch(2, 9, 1), folder.tiny.batch(3, 4, 3)];
    let task = task::classes(&["a", "b", "c"]);
    let teacher = teacher(&model, task.as_ref(), batches);
    for (index, group) in model.groups.iter().enumerate() {
        let block = group.seat.block;
        let energies = local::energies(&teacher, index).unwrap();
        let sums = |masks: &Masks| {
            let own = &model.blocks[block];
            let sums = (0..teacher.batches.len()).map(|batch| {
                let input = teacher.input(block, batch).unwrap();
                let units = model.units(block, &input, masks).unwrap();
                let units = match model.factors(block, Channels::Columns, masks).unwrap() {
                    Some(factor) => units.with_stream(units.stream.broadcast_mul(&factor).unwrap()),
                    None => units,
                };
                let sum = own.sum(&own.projection.affine, &units, &input).unwrap();
                sum.stream.flatten(0, 1).unwrap()
            });
            Tensor::cat(&sums.collect::<Vec<_>>(), 0).unwrap()
        };
        let whole = sums(&Masks::full(&model.groups));
        let squared = |tensor: Tensor| {
            tensor
                .sqr()
                .unwrap()
                .sum_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap()
        };
        let mean = whole.mean_keepdim(0).unwrap();
        let variation = squared(whole.broadcast_sub(&mean).unwrap());
        assert_eq!(energies.len(), group.width);
        for (unit, &energy) in energies.iter().enumerate() {
            let mut masks = Masks::full(&model.groups);
            masks.drop_unit(index, unit);
            let expected = squared((&whole - sums(&masks)).unwrap()) / variation;
            assert!(
                (energy / f64::from(expected) - 1.0).abs() < 1e-3,
                "{} {unit}: {}, expected {expected}",
                group.name,
                energy
            );
        }
    }
}

#[test]
fn the_local_term_of_a_single_position_is_relative_to_its_square() {
    let folder = Folder::new(Tiny::default());
    let (_weights, model) = open(&folder.model());
    let task = task::classes(&["a", "b", "c"]);
    let teacher = teacher(&model, task.as_ref(), vec![folder.tiny.batch(1, 6, 1)]);
    // The last layer computes only the first position, so its sum has no variation.
    for (index, group) in model.groups.iter().enumerate() {
        let energies = local::energies(&teacher, index).unwrap();
        assert!(
            energies.iter().all(|&energy| (0.0..1e3).contains(&energy)),
            "{}: {energies:?}",
            group.name
        );
        assert!(
            energies.iter().any(|&energy| energy > 0.0),
            "{}",
            group.name
        );
    }
}
