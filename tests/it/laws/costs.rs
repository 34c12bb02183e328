//! Laws of costs: the declared work and sizes equal those of a run of the pruned model.

use optin::model::extent::Extent;
use optin::model::layer::Layer;
use optin::model::mask::Masks;
use optin::model::nn::meter;
use optin::prune::lanes;
use optin::prune::surgery;
use safetensors::Dtype;

use super::{Family, case, prune, uneven, unrepaired};

pub fn costs_equal_the_operations_that_the_pruned_model_executes<F: Family>() {
    let case = case::<F>(Dtype::F32);
    let masks = uneven(&case.model);
    let smaller = tempfile::tempdir().unwrap();
    let repairs = unrepaired(&case.model);
    let pruned = prune::<F>(&case.weights, &case.model, &masks, &repairs, smaller.path());
    for (rows, length) in [(1, 1), (1, 13), (4, 24)] {
        let batch = F::batch(rows, length, 5);
        let all = Masks::full(&pruned.groups);
        let (answers, executed) = meter::measure(|| pruned.forward(&batch, &all));
        answers.unwrap();
        let cost = case.model.cost(&batch.extent());
        let of_masks = cost.of_masks(&masks, &case.model.groups);
        assert_eq!(executed, rows as u64 * of_masks);
        let cost = pruned.cost(&batch.extent());
        assert_eq!(cost.with_all(&pruned.groups), of_masks);
        // Operations in lanes are counted for the caller.
        let (results, in_lanes) =
            meter::measure(|| lanes::run(3, |_| Ok(pruned.forward(&batch, &all)?)));
        results.unwrap();
        assert_eq!(in_lanes, 3 * executed);
    }
}

/// Attention is quadratic in the length, so the cost of the mean length would be too small.
pub fn costs_are_means_over_rows_of_different_lengths<F: Family>() {
    let model = case::<F>(Dtype::F32).model;
    let lengths = [2, 2, 8, 20];
    let widths = || model.groups.iter().map(|group| group.width);
    let rows = |lengths: &[usize]| {
        let rows = lengths.iter().map(|&length| F::row(length));
        model.cost(&Extent::of(rows)).of(widths())
    };
    let alone: u64 = lengths.iter().map(|&length| rows(&[length])).sum();
    let mean = alone as f64 / lengths.len() as f64;
    // Coefficients are rounded to whole operations.
    assert!((rows(&lengths) as f64 / mean - 1.0).abs() < 1e-3);
    assert!(rows(&[8]) < rows(&lengths));
}

pub fn extents_equal_the_positions_of_a_run<F: Family>() {
    let model = case::<F>(Dtype::F32).model;
    let full = Masks::full(&model.groups);
    for length in [1, 2, 7, 24] {
        let batch = F::batch(2, length, 1);
        let extents = model.extents(&batch.extent());
        let mut hidden = model.start(&batch).unwrap();
        for (index, block) in model.blocks.iter().enumerate() {
            assert_eq!(hidden.positions().unwrap(), extents[index].longest());
            let units = block.units.forward(&hidden).unwrap();
            let expected = block.units.extent(&extents[index]).longest();
            assert_eq!(units.positions().unwrap(), expected);
            hidden = model.block(index, &hidden, &full).unwrap();
            if let Some(feature) = &block.feature {
                let positions = feature.forward(&hidden).unwrap().positions().unwrap();
                assert_eq!(positions, feature.extent(&extents[index + 1]).longest());
            }
        }
        assert_eq!(
            hidden.positions().unwrap(),
            extents[model.blocks.len()].longest()
        );
    }
}

pub fn parameters_equal_those_of_the_pruned_model<F: Family>() {
    let case = case::<F>(Dtype::F32);
    let masks = uneven(&case.model);
    let cost = surgery::parameters(&case.weights, &case.model.groups).unwrap();
    assert_eq!(cost.with_all(&case.model.groups), case.weights.parameters());
    let repairs = unrepaired(&case.model);
    let tensors = surgery::cut::cut(&case.weights, &case.model, &masks, &repairs).unwrap();
    let stored = tensors.iter();
    let stored = stored.map(|tensor| tensor.shape.iter().product::<usize>() as u64);
    let kept = cost.of_masks(&masks, &case.model.groups);
    assert_eq!(kept, stored.sum::<u64>());
}
