//! Properties that every architecture must have, tested on tiny random models:
//!
//! - Masks: full masks change nothing. A masked unit contributes nothing. A masked model equals the pruned one.
//! - Costs: the cost model counts the multiply-accumulates that the pruned model executes.
//! - Restarts: a run that resumes at a block equals the whole run. Rows do not depend on their batch.
//! - Round trips: a saved model can be loaded and pruned again. Pruning nothing reproduces the bytes.
//! - Parity: outputs equal those of Hugging Face transformers.

use candle_core::Tensor;
use optin::checkpoint::weights::Weights;
use optin::checkpoint::write::write;
use optin::model::PrunableModel;
use optin::model::mask::Masks;
use optin::model::nn::activation::Activation;
use optin::model::nn::meter;
use optin::prune::compensate::Repairs;
use optin::prune::lanes;
use optin::prune::surgery;
use safetensors::Dtype;
use std::path::Path;
use tempfile::TempDir;

use crate::fixture::bert::Tiny;
use crate::fixture::difference::relative_difference;
use crate::fixture::folder::open;

fn tiny(dtype: Dtype) -> (TempDir, Tiny, Weights, Box<dyn PrunableModel>) {
    tiny_with(dtype, "gelu")
}

fn tiny_with(
    dtype: Dtype,
    activation: &'static str,
) -> (TempDir, Tiny, Weights, Box<dyn PrunableModel>) {
    let folder = tempfile::tempdir().unwrap();
    let tiny = Tiny {
        activation,
        dtype,
        ..Tiny::default()
    };
    tiny.write(folder.path());
    let (weights, model) = open(folder.path());
    (folder, tiny, weights, model)
}

/// Returns masks that keep all units of the first group, no unit of two groups, and some units of the others.
fn uneven(model: &dyn PrunableModel) -> Masks {
    let kept: Vec<Vec<usize>> = model
        .groups()
        .iter()
        .enumerate()
        .map(|(index, group)| match index {
            0 => (0..group.width).collect(),
            3 => Vec::new(),
            4 => Vec::new(),
            _ => (0..group.width)
                .filter(|unit| (unit * 7 + index) % 3 != 0)
                .collect(),
        })
        .collect();
    Masks::keeping(model.groups(), &kept)
}

/// Prunes by the masks, writes the pruned model and opens it from disk.
fn prune(
    weights: &Weights,
    model: &dyn PrunableModel,
    masks: &Masks,
    folder: &Path,
) -> Box<dyn PrunableModel> {
    let tensors = surgery::cut(
        weights,
        model.groups(),
        masks,
        &Repairs::none(masks.groups()),
    )
    .unwrap();
    write(
        &folder.join("model.safetensors"),
        &tensors,
        weights.metadata(),
    )
    .unwrap();
    let config = serde_json::to_string(&model.export(masks).config).unwrap();
    std::fs::write(folder.join("config.json"), config).unwrap();
    open(folder).1
}

#[test]
fn full_masks_change_nothing() {
    let (_folder, tiny, _, model) = tiny(Dtype::F32);
    let batch = tiny.batch(3, 9, 1);
    let masked = model.forward(&batch, &Masks::full(model.groups())).unwrap();
    let mut hidden = model.stem(&batch).unwrap();
    for block in 0..model.groups().len() {
        let units = model.units(block, &hidden).unwrap();
        let sum = (model.project(block, &units).unwrap() + model.residual(block, &hidden).unwrap())
            .unwrap();
        hidden = model.finish(block, &sum).unwrap();
    }
    assert_eq!(
        relative_difference(&masked, &model.head(&hidden).unwrap()),
        0.0
    );
}

#[test]
fn a_mask_removes_exactly_the_contribution_of_the_unit() {
    let (_folder, tiny, _, model) = tiny(Dtype::F32);
    let hidden = model.stem(&tiny.batch(2, 6, 2)).unwrap();
    for (block, group) in model.groups().iter().enumerate() {
        let mut masks = Masks::full(model.groups());
        masks.drop_unit(block, 1);
        let masked = model.block(block, &hidden, &masks).unwrap();
        let units = model.units(block, &hidden).unwrap();
        let weight = model.projection(block).weight();
        let own = units
            .narrow(2, group.span, group.span)
            .unwrap()
            .flatten(0, 1)
            .unwrap();
        let added = own
            .matmul(
                &weight
                    .narrow(1, group.span, group.span)
                    .unwrap()
                    .t()
                    .unwrap(),
            )
            .unwrap();
        let sum = (model.project(block, &units).unwrap() + model.residual(block, &hidden).unwrap())
            .unwrap();
        let without = (&sum - added.reshape(sum.shape()).unwrap()).unwrap();
        let expected = model.finish(block, &without).unwrap();
        assert!(
            relative_difference(&expected, &masked) < 1e-5,
            "{}",
            group.name
        );
        assert!(
            relative_difference(&model.finish(block, &sum).unwrap(), &masked) > 1e-4,
            "the mask of {} has no effect",
            group.name
        );
    }
}

/// Some activation functions are not zero at zero. A masked unit must not contribute this value.
#[test]
fn a_masked_model_equals_the_pruned_model() {
    let dtypes = [Dtype::F32, Dtype::F16, Dtype::BF16].map(|dtype| (dtype, "gelu"));
    let activations = Activation::NAMES.iter().map(|&name| (Dtype::F32, name));
    for (dtype, activation) in dtypes.into_iter().chain(activations) {
        let (_folder, tiny, weights, model) = tiny_with(dtype, activation);
        let masks = uneven(model.as_ref());
        let smaller = tempfile::tempdir().unwrap();
        let pruned = prune(&weights, model.as_ref(), &masks, smaller.path());
        assert_eq!(model.export(&masks).config["hidden_act"], activation);
        for length in [1, 7, 24] {
            let batch = tiny.batch(3, length, 5);
            let masked = model.forward(&batch, &masks).unwrap();
            let small = pruned
                .forward(&batch, &Masks::full(pruned.groups()))
                .unwrap();
            let difference = relative_difference(&masked, &small);
            assert!(
                difference <= 1e-5,
                "{dtype:?}, {activation}, {length} tokens: {difference:e}"
            );
        }
    }
}

#[test]
fn costs_equal_the_operations_that_the_pruned_model_executes() {
    let (_folder, tiny, weights, model) = tiny(Dtype::F32);
    let masks = uneven(model.as_ref());
    let smaller = tempfile::tempdir().unwrap();
    let pruned = prune(&weights, model.as_ref(), &masks, smaller.path());
    for (rows, length) in [(1, 1), (1, 13), (4, 24)] {
        let batch = tiny.batch(rows, length, 5);
        let (logits, executed) =
            meter::measure(|| pruned.forward(&batch, &Masks::full(pruned.groups())));
        logits.unwrap();
        let of_masks = model
            .cost(length as f64)
            .of((0..masks.groups()).map(|group| masks.count(group)));
        assert_eq!(executed, rows as u64 * of_masks);
        let of_pruned = pruned.cost(length as f64).whole(pruned.groups());
        assert_eq!(of_pruned, of_masks);
        // Operations in lanes are counted for the caller.
        let all = Masks::full(pruned.groups());
        let (results, in_lanes) =
            meter::measure(|| lanes::run(3, |_| Ok(pruned.forward(&batch, &all)?)));
        results.unwrap();
        assert_eq!(in_lanes, 3 * executed);
    }
}

#[test]
fn a_run_that_resumes_at_a_block_equals_the_whole_run() {
    let (_folder, tiny, _, model) = tiny(Dtype::F32);
    let batch = tiny.batch(2, 8, 3);
    let mut masks = Masks::full(model.groups());
    masks.drop_unit(4, 2);
    let whole = model.forward(&batch, &masks).unwrap();
    let full = Masks::full(model.groups());
    let mut hidden = model.stem(&batch).unwrap();
    for block in 0..4 {
        hidden = model.block(block, &hidden, &full).unwrap();
    }
    for block in 4..model.groups().len() {
        hidden = model.block(block, &hidden, &masks).unwrap();
    }
    assert_eq!(
        relative_difference(&whole, &model.head(&hidden).unwrap()),
        0.0
    );
}

#[test]
fn rows_do_not_depend_on_their_batch() {
    let (_folder, tiny, _, model) = tiny(Dtype::F32);
    let full = Masks::full(model.groups());
    let batch = tiny.batch(5, 8, 3);
    let together = model.forward(&batch, &full).unwrap();
    let optin::model::batch::Input::Tokens { ids, types } = &batch.input;
    for row in 0..5 {
        let input = optin::model::batch::Input::Tokens {
            ids: ids.narrow(0, row, 1).unwrap(),
            types: types.narrow(0, row, 1).unwrap(),
        };
        let alone = optin::model::batch::Batch {
            rows: vec![row],
            input,
        };
        let alone = model.forward(&alone, &full).unwrap();
        assert!(relative_difference(&together.narrow(0, row, 1).unwrap(), &alone) < 1e-5);
    }
}

#[test]
fn a_pruned_model_can_be_loaded_and_pruned_again() {
    let (_folder, tiny, weights, model) = tiny(Dtype::F32);
    let masks = uneven(model.as_ref());
    let smaller = tempfile::tempdir().unwrap();
    let once = prune(&weights, model.as_ref(), &masks, smaller.path());
    let (once_weights, _) = open(smaller.path());
    let mut again = Masks::full(once.groups());
    again.drop_unit(0, 3);
    again.drop_unit(1, 0);
    let smallest = tempfile::tempdir().unwrap();
    let twice = prune(&once_weights, once.as_ref(), &again, smallest.path());
    let batch = tiny.batch(2, 10, 9);
    let masked = once.forward(&batch, &again).unwrap();
    let small = twice.forward(&batch, &Masks::full(twice.groups())).unwrap();
    assert!(relative_difference(&masked, &small) <= 1e-5);
}

#[test]
fn pruning_nothing_reproduces_the_bytes() {
    for dtype in [Dtype::F32, Dtype::F16, Dtype::BF16] {
        let (folder, _, weights, model) = tiny(dtype);
        let masks = Masks::full(model.groups());
        let copy = tempfile::tempdir().unwrap();
        prune(&weights, model.as_ref(), &masks, copy.path());
        let read = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
        assert!(read(folder.path()) == read(copy.path()), "{dtype:?}");
    }
}

/// The goldens were computed by Hugging Face transformers (`tests/goldens/bert/make_goldens.py`).
#[test]
fn outputs_equal_those_of_transformers() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/bert");
    for case in ["gelu", "gelu_new", "relu_regression", "pruned"] {
        let (_, model) = open(&goldens.join(case));
        let golden = candle_core::safetensors::load(
            goldens.join(case).join("golden.safetensors"),
            &candle_core::Device::Cpu,
        )
        .unwrap();
        let full = Masks::full(model.groups());
        for row in 0..3 {
            let ids = |name: &str| {
                golden[&format!("row.{row}.{name}")]
                    .to_dtype(candle_core::DType::U32)
                    .unwrap()
            };
            let input = optin::model::batch::Input::Tokens {
                ids: ids("input_ids"),
                types: ids("token_type_ids"),
            };
            let batch = optin::model::batch::Batch {
                rows: vec![row],
                input,
            };
            let mut hidden = model.stem(&batch).unwrap();
            let mut layer = 0;
            let agree = |name: String, ours: &Tensor| {
                let difference = relative_difference(&golden[&format!("row.{row}.{name}")], ours);
                assert!(
                    difference <= 1e-4,
                    "{case}, row {row}, {name}: {difference:e}"
                );
            };
            agree("hidden.0".to_owned(), &hidden);
            for block in 0..model.groups().len() {
                hidden = model.block(block, &hidden, &full).unwrap();
                if model.is_feature(block) {
                    layer += 1;
                    agree(format!("hidden.{layer}"), &hidden);
                }
            }
            assert_eq!(layer * 2, model.groups().len());
            agree("logits".to_owned(), &model.head(&hidden).unwrap());
        }
    }
}
