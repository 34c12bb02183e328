//! Properties of the text encoders that are built on BERT: parity with Hugging Face transformers, older names, and what is
//! refused.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use optin::checkpoint::weights::Weights;
use optin::model::batch::{Batch, Input, Reads};
use optin::model::chain::Model;
use optin::model::layer::Layer;
use optin::model::mask::Masks;
use optin::model::unit::Units;
use safetensors::Dtype;
use serde_json::{Map, Value, json};

use crate::fixture::difference::relative_difference;
use crate::fixture::folder::{open, open_with, refusal};
use crate::fixture::goldens;
use crate::fixture::text::{Form, LONGEST};

/// Returns the folders of the goldens of transformers.
fn goldens() -> Vec<PathBuf> {
    let folders = goldens::folders("text");
    assert!(folders.len() >= 20, "{folders:?}");
    folders
}

/// Compares a model with its golden, at every layer and for rows of different lengths.
pub fn compare(model: &Model, folder: &Path) {
    let golden = folder.join("golden.safetensors");
    let golden = candle_core::safetensors::load(golden, &Device::Cpu).unwrap();
    let full = Masks::full(&model.groups);
    for row in 0..3 {
        let tensor = |name: &str| golden.get(&format!("row.{row}.{name}"));
        let ids = tensor("input_ids").unwrap().to_dtype(DType::U32).unwrap();
        let types = match tensor("token_type_ids") {
            Some(types) => types.to_dtype(DType::U32).unwrap(),
            None => ids.zeros_like().unwrap(),
        };
        let batch = Batch {
            rows: vec![row],
            input: Input::Tokens {
                ids,
                types,
                asked: None,
            },
        };
        let agree = |name: &str, ours: &Tensor| {
            let mut expected = tensor(name).unwrap().clone();
            // A head that reads the first position gets only that one from the last layer.
            if ours.rank() == 3 && ours.dim(1).unwrap() == 1 {
                expected = expected.narrow(1, 0, 1).unwrap();
            }
            let difference = relative_difference(&expected, ours);
            let case = folder.display();
            assert!(
                difference <= 1e-4,
                "{case}, row {row}, {name}: {difference:e}"
            );
        };
        let mut hidden = model.stem.forward(&batch).unwrap();
        agree("hidden.0", &hidden.stream);
        let mut layer = 0;
        for block in 0..model.blocks.len() {
            hidden = model.block(block, &hidden, &full).unwrap();
            if model.blocks[block].is_feature() {
                layer += 1;
                agree(&format!("hidden.{layer}"), &hidden.stream);
            }
        }
        assert!(tensor(&format!("hidden.{}", layer + 1)).is_none());
        let answers = model.head.forward(&hidden).unwrap().stream;
        let expected = tensor("logits").unwrap();
        agree("logits", &answers.reshape(expected.shape()).unwrap());
    }
}

/// Compares the models of these folders with their goldens, with each kind of units.
pub fn compare_all(folders: &[PathBuf]) {
    for folder in folders {
        for units in [Units::Heads, Units::Dimensions] {
            compare(&open_with(folder, units).1, folder);
        }
    }
}

#[test]
fn outputs_equal_those_of_transformers() {
    compare_all(&goldens());
}

/// A body that was saved alone has no prefix, and early checkpoints call the parameters of norms otherwise.
#[test]
fn older_names_are_read() {
    for folder in goldens() {
        let older = goldens::renamed(&folder, |name| {
            let body = ["bert.", "roberta.", "distilbert.", "electra.", "mpnet."];
            let bare = body.iter().find_map(|prefix| name.strip_prefix(prefix));
            let name = bare.unwrap_or(name);
            let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
            name.replace("LayerNorm.bias", "LayerNorm.beta")
        });
        let older = open(older.path()).1;
        compare(&older, &folder);
    }
}

/// Positions up to that of the padding are for no token.
#[test]
fn the_longest_row_fits() {
    for form in [Form::Roberta, Form::DistilBert, Form::Electra, Form::Mpnet] {
        let folder = tempfile::tempdir().unwrap();
        form.write(folder.path(), Dtype::F32);
        let (_, model) = open(folder.path());
        let Reads::Text(limits) = model.reads else {
            panic!("{form:?} reads no text");
        };
        assert_eq!(limits.positions, LONGEST, "{form:?}");
        let full = Masks::full(&model.groups);
        model.forward(&form.batch(1, LONGEST, 3), &full).unwrap();
        let reads_segments = !matches!(form, Form::DistilBert | Form::Mpnet);
        assert_eq!(limits.segments > 0, reads_segments, "{form:?}");
    }
}

fn changed(form: Form, change: impl Fn(&mut Map<String, Value>)) -> Value {
    let mut config = form.config();
    change(&mut config);
    Value::Object(config)
}

#[test]
fn what_differs_in_other_models_is_refused() {
    let refuse = |form: Form, key: &str, value: Value, expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        form.write(folder.path(), Dtype::F32);
        let config = changed(form, |config| {
            config.insert(key.to_owned(), value.clone());
        });
        let message = refusal(folder.path(), &config);
        assert!(message.contains(expected), "{message}");
    };
    let class = json!(["RobertaForMaskedLM"]);
    refuse(Form::Roberta, "architectures", class, "RobertaForMaskedLM");
    let class = json!(["BertForSequenceClassification"]);
    refuse(Form::Roberta, "architectures", class, "supported classes");
    refuse(Form::Roberta, "is_decoder", json!(true), "only encoders");
    let relative = json!("relative_key");
    refuse(
        Form::Electra,
        "position_embedding_type",
        relative,
        "relative_key",
    );
    refuse(
        Form::Roberta,
        "pad_token_id",
        json!(30),
        "numbered from the id of the padding token",
    );
    refuse(Form::DistilBert, "activation", json!("prelu"), "activation");
    refuse(Form::DistilBert, "n_heads", json!(5), "n_heads 5");
    refuse(
        Form::Electra,
        "embedding_size",
        json!(12),
        "config.json requires [12]",
    );
    refuse(
        Form::Mpnet,
        "relative_attention_num_buckets",
        json!(16),
        "32 buckets",
    );
    let pruned = json!({"0": [1]});
    refuse(Form::Mpnet, "pruned_heads", pruned, "pruned_heads");
    let columns = json!([[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 4]]);
    refuse(
        Form::Mpnet,
        "original_heads_per_layer",
        columns,
        "original index",
    );
}

/// Transformers 4 removes rows of the maps for these heads.
#[test]
fn heads_that_transformers_4_removed_are_read() {
    for form in [Form::Roberta, Form::DistilBert, Form::Electra] {
        let folder = tempfile::tempdir().unwrap();
        form.write(folder.path(), Dtype::F32);
        let (weights, model) = open(folder.path());
        let kept: Vec<Vec<usize>> = model
            .groups
            .iter()
            .enumerate()
            .map(|(index, group)| {
                (0..group.width)
                    .filter(|&unit| index != 2 || unit != 1)
                    .collect()
            })
            .collect();
        let masks = Masks::keeping(&model.groups, &kept);
        let smaller = tempfile::tempdir().unwrap();
        cut(&weights, &model, &masks, smaller.path());
        let config = changed(form, |config| {
            config.insert("pruned_heads".to_owned(), json!({"1": [1]}));
        });
        std::fs::write(smaller.path().join("config.json"), config.to_string()).unwrap();
        let (_, pruned) = open(smaller.path());
        assert_eq!(pruned.groups[2].width, model.groups[2].width - 1);
        let batch = form.batch(2, 7, 1);
        let masked = model.forward(&batch, &masks).unwrap();
        let full = Masks::full(&pruned.groups);
        let small = pruned.forward(&batch, &full).unwrap();
        assert!(relative_difference(&masked.stream, &small.stream) <= 1e-5);
    }
}

/// Writes the weights of a pruned model.
fn cut(weights: &Weights, model: &Model, masks: &Masks, folder: &Path) {
    let none = optin::prune::repairs::Repairs::none(model.blocks.len());
    let tensors = optin::prune::surgery::cut::cut(weights, model, masks, &none).unwrap();
    let path = folder.join("model.safetensors");
    optin::checkpoint::write::write(&path, &tensors, weights.metadata()).unwrap();
}
