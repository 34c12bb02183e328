//! Law of the backward pass: derivatives with respect to masks equal finite differences.

use candle_core::Tensor;
use optin::model::chain::Model;
use optin::model::hidden::Hidden;
use optin::model::layer::Layer;
use optin::model::layer::sequence::Sequence;
use optin::model::trace::Trace;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use safetensors::Dtype;

use super::{Family, case, prune, uneven, unrepaired};

fn random(like: &Tensor, seed: u64) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values = (0..like.elem_count()).map(|_| random.random_range(-1.0f32..1.0));
    let values: Vec<f32> = values.collect();
    Tensor::from_vec(values, like.shape(), like.device()).unwrap()
}

fn inner(left: &Tensor, right: &Tensor) -> f64 {
    let product = (left * right).unwrap();
    let values = product.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    values.into_iter().map(f64::from).sum()
}

/// Returns the weighted sum of all features and the answers, with the mask of one unit at `mask`.
fn value(
    model: &Model,
    head: &Sequence,
    input: &Hidden,
    (group, unit): (usize, usize),
    mask: f32,
) -> f64 {
    let group = &model.groups[group];
    let own = group.seat.block;
    let channels = match group.is_columns() {
        true => model.blocks[own].projection.affine.channels(),
        false => model.blocks[own].units.inner_channels(),
    };
    let mut factors = vec![1.0f32; channels];
    factors[group.channels(unit)].fill(mask);
    let factors = Tensor::new(factors, model.device()).unwrap();
    let mut hidden = input.clone();
    let mut total = 0.0;
    for (index, block) in model.blocks.iter().enumerate() {
        let units = match index == own && !group.is_columns() {
            true => block.units.forward_masked(&hidden, &factors).unwrap(),
            false => block.units.forward(&hidden).unwrap(),
        };
        let units = match index == own && group.is_columns() {
            true => units.with_stream(units.stream.broadcast_mul(&factors).unwrap()),
            false => units,
        };
        hidden = block
            .close(&block.projection.affine, &units, &hidden)
            .unwrap();
        if let Some(feature) = &block.feature {
            let feature = feature.forward(&hidden).unwrap().stream;
            total += inner(&feature, &random(&feature, index as u64));
        }
    }
    let answers = head.forward(&hidden).unwrap().stream;
    total + inner(&answers, &random(&answers, 99))
}

pub fn the_backward_pass_equals_finite_differences<F: Family>() {
    let model = case::<F>(Dtype::F32).model;
    assert_eq!(model.first_traceable(), 0);
    for head in std::iter::once(&model.head).chain(&model.parts) {
        equals_finite_differences::<F>(&model, head);
    }
}

fn equals_finite_differences<F: Family>(model: &Model, head: &Sequence) {
    let batch = F::batch(2, 7, 4);
    let input = model.start(&batch).unwrap();
    // Two copies of the rows: the probes are the same cotangents, and twice these.
    let twice = |tensor: Tensor| Tensor::cat(&[&tensor, &(&tensor * 2.0).unwrap()], 0).unwrap();
    let trace = Trace::follow(model, head, &batch, 0).unwrap();
    let mut derivatives: Vec<Vec<f64>> = vec![Vec::new(); model.groups.len()];
    let mut add = |group: usize, values: &[f32]| {
        let width = model.groups[group].width;
        let rows = values.chunks_exact(width).map(<[f32]>::to_vec);
        let rows: Vec<Vec<f32>> = rows.collect();
        let (first, second) = rows.split_at(rows.len() / 2);
        derivatives[group].resize(width, 0.0);
        for (first, second) in first.iter().zip(second) {
            for (unit, (a, b)) in first.iter().zip(second).enumerate() {
                assert!((2.0 * a - b).abs() <= 1e-3 * b.abs().max(0.1), "{a} {b}");
                derivatives[group][unit] += f64::from(*a);
            }
        }
    };
    let mut visit = |group: usize, values: &[f32]| {
        add(group, values);
        Ok(())
    };
    let wanted = vec![true; model.groups.len()];
    let enter = |block: usize| {
        let feature = trace.feature(block);
        Ok(feature.map(|feature| twice(random(feature, block as u64))))
    };
    trace.pull(enter, &wanted, &mut visit).unwrap();
    let answers = &trace.answers().stream;
    let cotangent = Hidden::sequence(twice(random(answers, 99)));
    trace.pull_answers(cotangent, &wanted, &mut visit).unwrap();
    let (step, tolerance) = F::DIFFERENCE;
    for (group, derivatives) in derivatives.iter().enumerate() {
        let largest = derivatives.iter().fold(0.0f64, |most, d| most.max(d.abs()));
        for (unit, derivative) in derivatives.iter().enumerate() {
            let up = value(model, head, &input, (group, unit), 1.0 + step);
            let down = value(model, head, &input, (group, unit), 1.0 - step);
            let expected = (up - down) / f64::from(2.0 * step);
            let rounding = F::ROUNDING / f64::from(step);
            assert!(
                (derivative - expected).abs() <= tolerance * largest + rounding,
                "{} {unit}: {derivative}, expected {expected}",
                model.groups[group].name
            );
        }
    }
}

/// A pruned model may have blocks without units. A cotangent passes them through the residual. Without residuals, the
/// answers do not depend on earlier blocks.
pub fn a_cotangent_passes_blocks_without_units<F: Family>() {
    let case = case::<F>(Dtype::F32);
    let masks = uneven(&case.model);
    let smaller = tempfile::tempdir().unwrap();
    let none = unrepaired(&case.model);
    let pruned = prune::<F>(&case.weights, &case.model, &masks, &none, smaller.path());
    assert!(pruned.groups.iter().any(|group| group.width == 0));
    let batch = F::batch(2, 7, 4);
    let trace = Trace::follow(&pruned, &pruned.head, &batch, 0).unwrap();
    let answers = &trace.answers().stream;
    let mut visited = Vec::new();
    let cotangent = Hidden::sequence(random(answers, 99));
    let visit = |block: usize, sum: &Tensor| {
        visited.push((block, inner(sum, sum)));
        Ok(())
    };
    trace.pull_answers_to_sums(cotangent, visit).unwrap();
    let blocks: Vec<usize> = visited.iter().map(|(block, _)| *block).collect();
    assert_eq!(blocks, (0..pruned.blocks.len()).rev().collect::<Vec<_>>());
    // The first block is whole, so its cotangent must have come through the empty ones.
    let has_residuals = pruned.blocks.iter().any(|block| block.skip.is_some());
    assert_eq!(visited[visited.len() - 1].1 > 0.0, has_residuals);
}
