//! Laws of round trips: a pruned model is a model of the same family, and pruning nothing changes nothing.

use std::path::Path;

use optin::model::mask::Masks;
use safetensors::Dtype;

use super::{Family, case, prune, thinned, uneven, unrepaired};
use crate::fixture::difference::relative_difference;

pub fn a_pruned_model_can_be_loaded_and_pruned_again<F: Family>() {
    let case = case::<F>(Dtype::F32);
    let masks = uneven(&case.model);
    let smaller = tempfile::tempdir().unwrap();
    let repairs = unrepaired(&case.model);
    let once = prune::<F>(&case.weights, &case.model, &masks, &repairs, smaller.path());
    let (once_weights, _) = F::open(smaller.path());
    let again = thinned(&once);
    let smallest = tempfile::tempdir().unwrap();
    let twice = prune::<F>(&once_weights, &once, &again, &repairs, smallest.path());
    let batch = F::batch(2, 10, 9);
    let masked = once.forward(&batch, &again).unwrap();
    let small = twice.forward(&batch, &Masks::full(&twice.groups)).unwrap();
    assert!(relative_difference(&masked.stream, &small.stream) <= 1e-5);
}

pub fn pruning_nothing_reproduces_the_bytes<F: Family>() {
    for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
        let case = case::<F>(dtype);
        let masks = Masks::full(&case.model.groups);
        let copy = tempfile::tempdir().unwrap();
        let repairs = unrepaired(&case.model);
        prune::<F>(&case.weights, &case.model, &masks, &repairs, copy.path());
        let read = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
        assert!(read(case.folder.path()) == read(copy.path()), "{dtype:?}");
    }
}
