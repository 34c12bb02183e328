//! Properties of BERT beyond the laws of all families: parity with Hugging Face transformers, and all activations.

use std::path::Path;

use candle_core::Tensor;
use optin::checkpoint::write::write;
use optin::model::layer::Layer;
use optin::model::mask::Masks;
use optin::model::nn::activation::Activation;
use optin::prune::repairs::Repairs;
use optin::prune::surgery;

use crate::fixture::bert::Tiny;
use crate::fixture::difference::relative_difference;
use crate::fixture::folder::open;

/// Some activation functions are not zero at zero. A masked unit must not contribute this value.
#[test]
fn a_masked_model_equals_the_pruned_model_with_every_activation() {
    for &activation in Activation::NAMES {
        let folder = tempfile::tempdir().unwrap();
        let tiny = Tiny {
            activation,
            ..Tiny::default()
        };
        tiny.write(folder.path());
        let (weights, model) = open(folder.path());
        let groups = model.groups.iter().enumerate();
        let kept = groups.map(|(index, group)| {
            (0..group.width)
                .filter(|unit| (unit * 7 + index) % 3 != 0)
                .collect()
        });
        let masks = Masks::keeping(&model.groups, &kept.collect::<Vec<_>>());
        let export = (model.export)(&masks);
        assert_eq!(export.config["hidden_act"], activation);
        let none = Repairs::none(model.blocks.len());
        let tensors = surgery::cut::cut(&weights, &model, &masks, &none).unwrap();
        let smaller = tempfile::tempdir().unwrap();
        let path = smaller.path().join("model.safetensors");
        write(&path, &tensors, weights.metadata()).unwrap();
        let config = serde_json::to_string(&export.config).unwrap();
        std::fs::write(smaller.path().join("config.json"), config).unwrap();
        let (_, pruned) = open(smaller.path());
        let batch = tiny.batch(3, 7, 5);
        let masked = model.forward(&batch, &masks).unwrap();
        let small = pruned
            .forward(&batch, &Masks::full(&pruned.groups))
            .unwrap();
        let difference = relative_difference(&masked.stream, &small.stream);
        assert!(difference <= 1e-5, "{activation}: {difference:e}");
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
        let full = Masks::full(&model.groups);
        for row in 0..3 {
            let ids = |name: &str| {
                golden[&format!("row.{row}.{name}")]
                    .to_dtype(candle_core::DType::U32)
                    .unwrap()
            };
            let input = optin::model::batch::Input::Tokens {
                ids: ids("input_ids"),
                types: ids("token_type_ids"),
                asked: None,
            };
            let batch = optin::model::batch::Batch {
                rows: vec![row],
                input,
            };
            let mut hidden = model.stem.forward(&batch).unwrap();
            let mut layer = 0;
            let agree = |name: String, ours: &Tensor| {
                let mut expected = golden[&format!("row.{row}.{name}")].clone();
                // The head reads only the first position, so the last layer computes no other.
                if ours.rank() == 3 && ours.dim(1).unwrap() == 1 {
                    expected = expected.narrow(1, 0, 1).unwrap();
                }
                let difference = relative_difference(&expected, ours);
                assert!(
                    difference <= 1e-4,
                    "{case}, row {row}, {name}: {difference:e}"
                );
            };
            agree("hidden.0".to_owned(), &hidden.stream);
            for block in 0..model.groups.len() {
                hidden = model.block(block, &hidden, &full).unwrap();
                if model.blocks[block].is_feature() {
                    layer += 1;
                    agree(format!("hidden.{layer}"), &hidden.stream);
                }
            }
            assert_eq!(layer * 2, model.groups.len());
            let answers = model.head.forward(&hidden).unwrap().stream;
            agree("logits".to_owned(), &answers.squeeze(1).unwrap());
        }
    }
}
