//! Laws of the damage along the trajectory.

use optin::model::block::Block;
use optin::prune::student::Student;
use optin::prune::verify::trajectory::{Damage, Models};
use safetensors::Dtype;

use super::{Family, case, prune, thinned, unrepaired};

/// The features of the pruned model are compared with the right ones of the original: with those that remain.
pub fn the_damage_after_each_block_is_that_of_the_masked_model<F: Family>() {
    let case = case::<F>(Dtype::F32);
    let masks = thinned(&case.model);
    let smaller = tempfile::tempdir().unwrap();
    let repairs = unrepaired(&case.model);
    let cut = prune::<F>(&case.weights, &case.model, &masks, &repairs, smaller.path());
    let mut student = Student::new(&case.model, masks).unwrap();
    // The model without repair is followed only if there is a repair. This one changes nothing.
    student
        .replace(0, student.projection(0).linear().clone())
        .unwrap();
    let models = Models {
        original: &case.model,
        cut: &cut,
        student: &student,
    };
    let mut damage = Damage::default();
    for seed in [5, 6] {
        let batch = F::batch(3, 7, seed);
        let mut own = Damage::default();
        models.follow(&batch, Some(&mut own)).unwrap();
        damage.add(&own);
    }
    let report = damage.report(&models).unwrap();
    assert_eq!(report.rows, 6);
    let features = case.model.blocks.iter();
    let features = features.filter(|block: &&Block| block.is_feature()).count();
    assert_eq!(report.blocks.len(), features);
    for block in &report.blocks {
        let bare = block.error_without_repair.unwrap();
        let difference = (block.error - bare).abs();
        assert!(difference <= 1e-4 * bare.max(1e-4), "{block:?}");
    }
    assert!(report.blocks.last().unwrap().error > 1e-6);
}
