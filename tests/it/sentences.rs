//! Folders of sentence-transformers: parity with the library, whole runs, and what is refused.

use std::path::Path;

use candle_core::{DType, Device};
use optin::checkpoint::config::Config;
use optin::checkpoint::error::CheckpointError;
use optin::checkpoint::limits::Limits;
use optin::model::batch::{Batch, Input, Reads};
use optin::model::mask::Masks;
use optin::model::unit::Units;
use optin::prune::failure::Code;
use optin::prune::inputs::Role;
use optin::prune::journal::NoJournal;
use optin::prune::run;
use optin::prune::watch::Unwatched;
use safetensors::Dtype;
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::fixture::bert::Tiny;
use crate::fixture::difference::relative_difference;
use crate::fixture::folder::{Folder, open, open_with};
use crate::fixture::goldens;
use crate::fixture::sentences::words;
use crate::fixture::text::Form;

/// Sentence-transformers computed the vectors of the goldens (`make_goldens.py` there).
#[test]
fn vectors_equal_those_of_sentence_transformers() {
    let folders = goldens::folders("sentences");
    assert_eq!(folders.len(), 6);
    for folder in folders {
        let (_, model) = open_with(&folder, Units::Dimensions);
        let Reads::Text(limits) = model.reads else {
            panic!("it reads no text");
        };
        // Newer folders have the maximum length in the files of the tokenizer, which the goldens do not have.
        let older = folder.ends_with("older_bert_mean");
        assert_eq!(limits.positions, if older { 20 } else { 24 });
        let golden = folder.join("golden.safetensors");
        let golden = candle_core::safetensors::load(golden, &Device::Cpu).unwrap();
        let full = Masks::full(&model.groups);
        for row in 0..3 {
            let ids = &golden[&format!("row.{row}.input_ids")];
            let ids = ids.to_dtype(DType::U32).unwrap();
            let types = ids.zeros_like().unwrap();
            let batch = Batch {
                rows: vec![row],
                input: Input::Tokens {
                    ids,
                    types,
                    asked: None,
                },
            };
            let ours = model.forward(&batch, &full).unwrap().stream;
            let expected = &golden[&format!("row.{row}.vector")];
            let ours = ours.reshape(expected.shape()).unwrap();
            let difference = relative_difference(expected, &ours);
            assert!(difference <= 1e-4, "{}: {difference:e}", folder.display());
        }
    }
}

/// Returns a folder with a tiny model, and tables of pairs with scores.
fn folder() -> Folder {
    let folder = Folder::new(Tiny::default());
    std::fs::remove_file(folder.model().join("config.json")).unwrap();
    Form::MpnetSentences.write(&folder.model(), Dtype::F32);
    let words = words(64);
    let table = |rows: usize| {
        let rows = (0..rows).map(|row| {
            let word = |at: usize| words[(7 * row + 11 * at) % words.len()].as_str();
            let text = |from: usize| (from..from + 3 + row % 5).map(word).collect::<Vec<_>>();
            let (one, other) = (text(0).join(" "), text(row % 3).join(" "));
            format!("{one}\t{other}\t{}\n", row % 6)
        });
        format!("sentence1\tsentence2\tscore\n{}", rows.collect::<String>())
    };
    std::fs::write(folder.calibration(), table(96)).unwrap();
    std::fs::write(folder.evaluation(), table(40)).unwrap();
    folder
}

#[test]
fn a_result_is_a_folder_of_sentence_transformers() {
    let folder = folder();
    let places = folder.places("out");
    let report = run(&places, &folder.recipe(0.6), &NoJournal, &Unwatched).unwrap();
    assert_eq!(report.task, "sentence_embedding");
    let evaluation = report.evaluation.unwrap();
    assert_eq!(evaluation.main.metric, "spearman");
    assert!(evaluation.main.score.before.is_finite() && evaluation.main.score.after.is_finite());
    assert_eq!(evaluation.rows, 40);
    // Each text of a pair is an example.
    assert_eq!(report.calibration.rows, 128);
    let inputs = report.inputs.iter();
    let inputs = inputs.filter(|input| input.role == Role::Config);
    let names: Vec<&str> = inputs.map(|input| input.file.name.as_str()).collect();
    for name in ["config.json", "modules.json", "2_Dense/model.safetensors"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let out = |name: &str| std::fs::read_to_string(places.out.join(name)).unwrap();
    let json = |name: &str| serde_json::from_str::<Value>(&out(name)).unwrap();
    let kinds = ["Transformer", "Pooling", "Dense", "Normalize"];
    for (index, kind) in kinds.iter().enumerate() {
        let module = &json("modules.json")[index];
        let class = format!("sentence_transformers.models.{kind}");
        assert_eq!(module["type"], class);
    }
    let config = json("config.json");
    assert_eq!(config["architectures"], json!(["MPNetModel"]));
    let map = json!("modeling_optin_mpnet.MPNetModel");
    assert_eq!(config["auto_map"]["AutoModel"], map);
    assert_eq!(
        json("1_Pooling/config.json")["pooling_mode_mean_tokens"],
        true
    );
    let dense = |folder: &Path| {
        let bytes = std::fs::read(folder.join("2_Dense/model.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let values = ["linear.weight", "linear.bias"].map(|name| {
            let tensor = tensors.tensor(name).unwrap();
            (tensor.shape().to_vec(), tensor.data().to_vec())
        });
        assert_eq!(tensors.len(), values.len());
        values
    };
    assert_eq!(dense(&places.out), dense(&folder.model()));
    for name in [
        "modules.json",
        "1_Pooling/config.json",
        "2_Dense/config.json",
    ] {
        assert!(out("SHA256SUMS").contains(&format!("  {name}\n")), "{name}");
    }
    let card = out("README.md");
    assert!(
        card.contains("library_name: sentence-transformers"),
        "{card}"
    );
    assert!(card.contains("SentenceTransformer(\"path/to/this/folder\", trust_remote_code=True)"));
    // The pooler stays, because the body has one.
    let (weights, _) = open(&places.out);
    assert!(weights.contains("mpnet.pooler.dense.weight"));
    // The result is a model like the original.
    let again = optin::prune::places::Places {
        model: places.out,
        ..folder.places("again")
    };
    run(&again, &folder.recipe(0.8), &NoJournal, &Unwatched).unwrap();
}

#[test]
fn evaluation_needs_two_texts_in_a_row() {
    let folder = folder();
    std::fs::write(folder.evaluation(), "text\tscore\nw1 w2\t1\n").unwrap();
    let failure = run(
        &folder.places("out"),
        &folder.recipe(0.6),
        &NoJournal,
        &Unwatched,
    )
    .unwrap_err();
    assert_eq!(failure.code, Code::InvalidData);
    assert!(failure.detail.contains("second text"), "{}", failure.detail);
}

/// Calibration reads no scores, and one text in a row is enough.
#[test]
fn calibration_reads_single_texts() {
    let folder = folder();
    let texts = (1..40).map(|row| format!("w{row} w{} w3\n", row + 1));
    let table = format!("text\n{}", texts.collect::<String>());
    std::fs::write(folder.calibration(), table).unwrap();
    let report = run(
        &folder.places("out"),
        &folder.recipe(0.6),
        &NoJournal,
        &Unwatched,
    );
    assert_eq!(report.unwrap().calibration.rows, 39);
}

#[test]
fn other_modules_and_settings_are_refused() {
    let open = |name: &str, content: &Value| -> CheckpointError {
        let folder = tempfile::tempdir().unwrap();
        Form::MpnetSentences.write(folder.path(), Dtype::F32);
        std::fs::write(folder.path().join(name), content.to_string()).unwrap();
        Config::open(folder.path(), &Limits::default()).unwrap_err()
    };
    let refuse = |name: &str, content: Value, expected: &str| {
        let message = open(name, &content).to_string();
        assert!(message.contains(expected), "{message}");
    };
    let modules = |path: &str, kind: &str| {
        let module = |path: &str, kind: &str| json!({"path": path, "type": format!("sentence_transformers.models.{kind}")});
        json!([
            module("", "Transformer"),
            module("1_Pooling", "Pooling"),
            module(path, kind)
        ])
    };
    refuse(
        "modules.json",
        modules("2_LSTM", "LSTM"),
        "LSTM is not supported",
    );
    refuse("modules.json", modules("../2_Dense", "Dense"), "../2_Dense");
    refuse("modules.json", modules("2_Dense/x", "Dense"), "2_Dense/x");
    refuse("modules.json", json!([]), "names no module");
    refuse("modules.json", json!({}), "a list of at most");
    let encoder =
        json!([{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]);
    refuse("modules.json", encoder, "in the folder itself");
    let pooling = |mode: Value| json!({"embedding_dimension": 24, "pooling_mode": mode});
    refuse(
        "1_Pooling/config.json",
        pooling(json!("lasttoken")),
        "lasttoken",
    );
    refuse(
        "1_Pooling/config.json",
        pooling(json!(["mean", "cls"])),
        "mean and cls",
    );
    refuse(
        "1_Pooling/config.json",
        json!({"pooling_mode": "cls"}),
        "word_embedding_dimension",
    );
    refuse(
        "sentence_bert_config.json",
        json!({"do_lower_case": true}),
        "do_lower_case",
    );
    let prompt = json!({"default_prompt_name": "query", "prompts": {"query": "query: "}});
    refuse(
        "config_sentence_transformers.json",
        prompt,
        "default_prompt_name",
    );
    let dense = |key: &str, value: Value| {
        let mut dense = json!({"in_features": 24, "out_features": 10, "bias": true});
        dense[key] = value;
        dense
    };
    refuse(
        "2_Dense/config.json",
        dense("activation_function", json!("os.system")),
        "activation_function",
    );
    refuse(
        "2_Dense/config.json",
        dense("use_residual", json!(true)),
        "use_residual",
    );
    refuse(
        "2_Dense/config.json",
        dense("out_features", json!(11)),
        "2_Dense/model.safetensors",
    );
}

/// A body without modules answers with a vector for each token.
#[test]
fn a_body_without_modules_has_no_pooling() {
    let folder = tempfile::tempdir().unwrap();
    Form::MpnetSentences.write(folder.path(), Dtype::F32);
    std::fs::remove_file(folder.path().join("modules.json")).unwrap();
    let mut config = Form::MpnetSentences.config();
    config.insert("architectures".to_owned(), json!(["MPNetModel"]));
    let path = folder.path().join("config.json");
    std::fs::write(path, Value::Object(config).to_string()).unwrap();
    let (_, model) = open(folder.path());
    let full = Masks::full(&model.groups);
    let batch = Form::MpnetSentences.batch(2, 7, 1);
    let answers = model.forward(&batch, &full).unwrap().stream;
    assert_eq!(answers.dims(), [2, 7, 24]);
}
