//! Laws of masks: what a masked unit contributes, and that a masked model equals the pruned one.

use candle_core::Tensor;
use optin::model::hidden::{Hidden, Slot};
use optin::model::layer::Layer;
use optin::model::mask::Masks;
use optin::model::nn::linear::Linear;
use optin::prune::student::Student;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use safetensors::Dtype;

use super::{Family, case, prune, thinned, uneven, unrepaired};
use crate::fixture::difference::relative_difference;

pub fn full_masks_change_nothing<F: Family>() {
    let model = case::<F>(Dtype::F32).model;
    let batch = F::batch(3, 9, 1);
    let masked = model.forward(&batch, &Masks::full(&model.groups)).unwrap();
    let mut hidden = model.start(&batch).unwrap();
    for block in &model.blocks {
        let units = block.units.forward(&hidden).unwrap();
        let sum = block
            .sum(&block.projection.affine, &units, &hidden)
            .unwrap();
        hidden = block.finish.forward(&sum).unwrap();
    }
    let plain = model.head.forward(&hidden).unwrap();
    assert_eq!(relative_difference(&masked.stream, &plain.stream), 0.0);
}

/// Returns the largest difference of two states. The features of masks are carried beside the stream.
fn difference(left: &Hidden, right: &Hidden) -> f64 {
    let stream = relative_difference(&left.stream, &right.stream);
    let [left, right] = [left, right].map(|state| state.carried(Slot::MaskFeatures));
    let carried = left.zip(right);
    stream.max(carried.map_or(0.0, |(left, right)| relative_difference(left, right)))
}

pub fn a_mask_removes_exactly_the_contribution_of_the_unit<F: Family>() {
    let model = case::<F>(Dtype::F32).model;
    let full = Masks::full(&model.groups);
    let mut hidden = model.start(&F::batch(2, 6, 2)).unwrap();
    for (index, block) in model.blocks.iter().enumerate() {
        let units = block.units.forward(&hidden).unwrap();
        let sum = block
            .sum(&block.projection.affine, &units, &hidden)
            .unwrap();
        let unmasked = block.finish.forward(&sum).unwrap();
        let groups = model.groups_at(index).into_iter();
        for group in groups.filter(|&group| model.groups[group].is_columns()) {
            // A rectified channel may be zero everywhere.
            let active = |unit: &usize| {
                let own = model.groups[group].channels(*unit);
                let own = units.stream.narrow(2, own.start, own.len()).unwrap();
                own.abs()
                    .unwrap()
                    .max_all()
                    .unwrap()
                    .to_scalar::<f32>()
                    .unwrap()
                    > 0.1
            };
            let unit = (0..model.groups[group].width).find(active).unwrap();
            let own = model.groups[group].channels(unit);
            let mut masks = full.clone();
            masks.drop_unit(group, unit);
            let masked = model.block(index, &hidden, &masks).unwrap();
            let affine = &block.projection.affine;
            let channels = units.stream.narrow(2, own.start, own.len()).unwrap();
            let columns = affine.columns(&units.with_stream(channels)).unwrap();
            let pixels = affine.window().pixels();
            let weight = block.projection.linear().weight();
            let weight = weight.narrow(1, own.start * pixels, own.len() * pixels);
            let weight = weight.unwrap();
            let added = columns.flatten(0, 1).unwrap();
            let added = added.matmul(&weight.t().unwrap()).unwrap();
            let without = (&sum.stream - added.reshape(sum.stream.shape()).unwrap()).unwrap();
            let expected = block.finish.forward(&sum.with_stream(without)).unwrap();
            let name = &model.groups[group].name;
            assert!(difference(&expected, &masked) < 1e-5, "{name}");
            assert!(
                difference(&unmasked, &masked) > 1e-4,
                "the mask of {name} has no effect"
            );
        }
        hidden = unmasked;
    }
}

pub fn a_masked_model_equals_the_pruned_model<F: Family>() {
    for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
        let case = case::<F>(dtype);
        let masks = uneven(&case.model);
        let smaller = tempfile::tempdir().unwrap();
        let repairs = unrepaired(&case.model);
        let pruned = prune::<F>(&case.weights, &case.model, &masks, &repairs, smaller.path());
        for length in [1, 7, 24] {
            let batch = F::batch(3, length, 5);
            let masked = case.model.forward(&batch, &masks).unwrap();
            let small = pruned
                .forward(&batch, &Masks::full(&pruned.groups))
                .unwrap();
            let difference = relative_difference(&masked.stream, &small.stream);
            assert!(
                difference <= 1e-5,
                "{dtype:?}, {length} positions: {difference:e}"
            );
        }
    }
}

/// A repaired tensor may also lose slices of other groups, for example the rows that are the units of the next block.
pub fn a_repaired_and_masked_model_equals_the_pruned_model<F: Family>() {
    let case = case::<F>(Dtype::F32);
    let masks = thinned(&case.model);
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let mut repairs = unrepaired(&case.model);
    let plain = Student::new(&case.model, masks.clone()).unwrap();
    for block in 0..case.model.blocks.len() {
        let mut noise = |tensor: &Tensor| -> Tensor {
            let values = (0..tensor.elem_count()).map(|_| random.random_range(-0.2f32..0.2));
            let values: Vec<f32> = values.collect();
            (tensor + Tensor::from_vec(values, tensor.shape(), tensor.device()).unwrap()).unwrap()
        };
        let mut noisy = |linear: &Linear| {
            let weight = noise(linear.weight());
            Linear::new(weight, linear.bias().map(&mut noise))
        };
        repairs.projections[block] = Some(noisy(plain.projection(block).linear()));
        let entry = plain.kept_entry(block).unwrap();
        repairs.entries[block] = entry.map(|entry| noisy(entry.linear()));
    }
    let student = Student::repaired(&case.model, masks.clone(), &repairs).unwrap();
    let smaller = tempfile::tempdir().unwrap();
    let pruned = prune::<F>(&case.weights, &case.model, &masks, &repairs, smaller.path());
    let batch = F::batch(3, 7, 5);
    let expected = student.forward(&batch).unwrap();
    let small = pruned
        .forward(&batch, &Masks::full(&pruned.groups))
        .unwrap();
    assert!(relative_difference(&expected.stream, &small.stream) <= 1e-5);
    let unrepaired = plain.forward(&batch).unwrap();
    assert!(relative_difference(&expected.stream, &unrepaired.stream) > 1e-3);
}
