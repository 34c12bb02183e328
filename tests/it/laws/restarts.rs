//! Laws of restarts: a run may resume at any block, and rows do not depend on each other.

use optin::model::layer::Layer;
use optin::model::mask::Masks;
use optin::prune::score::scored::Scored;
use optin::prune::score::teacher::{TRAJECTORY_BYTES, Teacher};
use safetensors::Dtype;

use super::{Family, case};
use crate::fixture::difference::relative_difference;

pub fn a_run_that_resumes_at_a_block_equals_the_whole_run<F: Family>() {
    let model = case::<F>(Dtype::F32).model;
    let batch = F::batch(2, 8, 3);
    let mut masks = Masks::full(&model.groups);
    masks.drop_unit(4, model.groups[4].width - 1);
    let whole = model.forward(&batch, &masks).unwrap();
    let full = Masks::full(&model.groups);
    let mut hidden = model.start(&batch).unwrap();
    for block in 0..model.groups[4].seat.block {
        hidden = model.block(block, &hidden, &full).unwrap();
    }
    for block in model.groups[4].seat.block..model.blocks.len() {
        hidden = model.block(block, &hidden, &masks).unwrap();
    }
    let resumed = model.head.forward(&hidden).unwrap();
    assert_eq!(relative_difference(&whole.stream, &resumed.stream), 0.0);
}

pub fn rows_do_not_depend_on_their_batch<F: Family>() {
    let model = case::<F>(Dtype::F32).model;
    let full = Masks::full(&model.groups);
    let batch = F::batch(5, 8, 3);
    let together = model.forward(&batch, &full).unwrap();
    for row in 0..5 {
        let alone = model
            .forward(&batch.narrow(row, 1).unwrap(), &full)
            .unwrap();
        let own = together.stream.narrow(0, row, 1).unwrap();
        assert!(relative_difference(&own, &alone.stream) < 1e-5);
    }
}

pub fn inputs_that_are_not_kept_are_computed_again_to_the_bit<F: Family>() {
    let case = case::<F>(Dtype::F32);
    let (model, task) = (&case.model, case.task.as_ref());
    let batches = || vec![F::batch(2, 9, 1), F::batch(3, 4, 2)];
    let whole = Teacher::follow(
        model,
        Scored::answers(model, task),
        batches(),
        20,
        5,
        TRAJECTORY_BYTES,
    )
    .unwrap();
    for budget in [0, 4_000, 8_000] {
        let teacher = Teacher::follow(
            model,
            Scored::answers(model, task),
            batches(),
            20,
            5,
            budget,
        )
        .unwrap();
        for block in 0..model.blocks.len() {
            for batch in 0..2 {
                let (ours, expected) = (
                    teacher.input(block, batch).unwrap(),
                    whole.input(block, batch).unwrap(),
                );
                assert_eq!(relative_difference(&expected.stream, &ours.stream), 0.0);
            }
            if let (Some(ours), Some(expected)) = (&teacher.features[block], &whole.features[block])
            {
                for (ours, expected) in ours.vectors.iter().zip(&expected.vectors) {
                    assert_eq!(relative_difference(expected, ours), 0.0);
                }
            }
        }
        assert_eq!(teacher.answers, whole.answers);
        assert!(teacher.bytes() < whole.bytes());
    }
}
