//! Tests of inputs that do not fit the model, of source settings that are not copied to the output, and of the notes in
//! the report.

use optin::prune::failure::{Code, Failure};
use optin::prune::journal::NoJournal;
use optin::prune::report::Report;
use optin::prune::run;
use optin::prune::watch::Unwatched;
use serde_json::{Value, json};
use std::path::Path;

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::refusal::assert_says;
use crate::fixture::sentences;

/// Prunes the model of the folder.
fn pruned(folder: &Folder) -> Result<Report, Failure> {
    run(
        &folder.places("out"),
        &folder.recipe(0.6),
        &NoJournal,
        &Unwatched,
    )
}

/// Reads a JSON file.
fn object(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Changes a JSON file of the model.
fn edit(folder: &Folder, name: &str, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let path = folder.model().join(name);
    let mut document = object(&path);
    change(document.as_object_mut().unwrap());
    std::fs::write(path, document.to_string()).unwrap();
}

#[test]
fn a_token_without_an_embedding_is_rejected() {
    let folder = Folder::new(Tiny::default());
    sentences::write_tokenizer(&folder.model(), 100);
    sentences::write_table(&folder.calibration(), 96, 100, 3, 1);
    let failure = pruned(&folder).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidTokenizer,
        &["100 tokens", "embeddings for 64", "resize_token_embeddings"],
    );
    assert!(
        !failure.detail.contains("index-select"),
        "{}",
        failure.detail
    );
}

#[test]
fn a_vocabulary_larger_than_the_embedding_table_is_accepted_if_no_row_uses_the_excess() {
    let folder = Folder::new(Tiny::default());
    sentences::write_tokenizer(&folder.model(), 100);
    pruned(&folder).unwrap();
}

#[test]
fn text_pairs_are_rejected_for_a_model_with_one_segment() {
    let folder = Folder::new(Tiny::default());
    edit(&folder, "config.json", |config| {
        config.insert("type_vocab_size".to_owned(), json!(1));
    });
    let path = folder.model().join("model.safetensors");
    let weights = std::fs::read(&path).unwrap();
    // Keeps one row of the segment embeddings.
    let weights = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let name = "bert.embeddings.token_type_embeddings.weight";
    let narrowed = weights.iter().map(|(own, view)| match own == name {
        true => {
            let row = &view.data()[..view.data().len() / 2];
            let shape = vec![1, view.shape()[1]];
            (
                own,
                safetensors::tensor::TensorView::new(view.dtype(), shape, row).unwrap(),
            )
        }
        false => (own, view),
    });
    let bytes = safetensors::serialize(narrowed, None).unwrap();
    std::fs::write(&path, bytes).unwrap();
    pruned(&folder).unwrap();
    std::fs::remove_dir_all(folder.root.path().join("out")).unwrap();

    std::fs::write(
        folder.calibration(),
        "text\ttext_pair\tlabel\n".to_owned() + &"w1 w2\tw3\tclass 0\n".repeat(40),
    )
    .unwrap();
    assert_says(
        &pruned(&folder).unwrap_err(),
        Code::InvalidTokenizer,
        &["segment 1", "1 segments", "type_vocab_size"],
    );
}

#[test]
fn unused_settings_and_tensors_of_the_source_are_not_copied_and_are_noted() {
    let folder = Folder::new(Tiny::default());
    edit(&folder, "config.json", |config| {
        config.insert(
            "quantization_config".to_owned(),
            json!({"load_in_8bit": true}),
        );
        config.insert(
            "custom_pipelines".to_owned(),
            json!({"x": {"impl": "code.X"}}),
        );
        config.insert("auto_map".to_owned(), json!({"AutoModel": "code.Model"}));
        config.insert("num_hidden_layers".to_owned(), json!(2));
        config.insert("hidden_dropout_prob".to_owned(), json!(0.25));
    });
    edit(&folder, "tokenizer_config.json", |config| {
        config.insert(
            "auto_map".to_owned(),
            json!({"AutoTokenizer": ["code.T", null]}),
        );
        config.insert("word_shape".to_owned(), json!(3));
    });
    let report = pruned(&folder).unwrap();
    let out = folder.root.path().join("out");

    let config = object(&out.join("config.json"));
    for gone in ["quantization_config", "custom_pipelines"] {
        assert!(config.get(gone).is_none(), "{gone}");
    }
    assert_eq!(
        config["auto_map"],
        json!({
            "AutoModel": "modeling_optin_bert.BertModel",
            "AutoModelForPreTraining": "modeling_optin_bert.BertForPreTraining",
            "AutoModelForMaskedLM": "modeling_optin_bert.BertForMaskedLM",
            "AutoModelForNextSentencePrediction": "modeling_optin_bert.BertForNextSentencePrediction",
            "AutoModelForSequenceClassification": "modeling_optin_bert.BertForSequenceClassification",
            "AutoModelForMultipleChoice": "modeling_optin_bert.BertForMultipleChoice",
            "AutoModelForTokenClassification": "modeling_optin_bert.BertForTokenClassification",
            "AutoModelForQuestionAnswering": "modeling_optin_bert.BertForQuestionAnswering",
        })
    );
    assert_eq!(config["model_type"], "bert");
    assert_eq!(config["hidden_dropout_prob"], 0.25);
    let tokenizer = object(&out.join("tokenizer_config.json"));
    assert_eq!(tokenizer["tokenizer_class"], "BertTokenizer");
    assert!(tokenizer.get("auto_map").is_none() && tokenizer.get("word_shape").is_none());
    let weights = std::fs::read(out.join("model.safetensors")).unwrap();
    let weights = safetensors::SafeTensors::deserialize(&weights).unwrap();
    assert!(
        weights
            .names()
            .iter()
            .all(|name| !name.contains("layer.2."))
    );

    let notes = report.notes.join("\n");
    for said in [
        "quantization_config, custom_pipelines",
        "bert.encoder.layer.2.",
        "and 11 more",
        "auto_map",
        "not understood: word_shape",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
    let card = std::fs::read_to_string(out.join("README.md")).unwrap();
    assert!(
        report.notes.iter().all(|note| card.contains(note)),
        "{card}"
    );
}

#[test]
fn an_ordinary_model_has_no_notes() {
    let folder = Folder::new(Tiny::default());
    let report = pruned(&folder).unwrap();
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}

#[test]
fn rows_that_transformers_4_tokenizes_differently_are_counted() {
    let folder = Folder::new(Tiny::default());
    edit(&folder, "tokenizer.json", |document| {
        document.insert(
            "pre_tokenizer".to_owned(),
            json!({"type": "WhitespaceSplit"}),
        );
    });
    std::fs::write(
        folder.calibration(),
        "text\tlabel\n".to_owned()
            + &"w1 w2\tclass 0\n".repeat(20)
            + &"w1.w2\tclass 0\n".repeat(20),
    )
    .unwrap();
    let notes = pruned(&folder).unwrap().notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(
        notes[0].starts_with("transformers 4 tokenizes 20 of the 104 rows differently"),
        "{notes:?}"
    );
}

#[test]
fn a_vocabulary_file_alone_is_a_valid_tokenizer() {
    let folder = Folder::new(Tiny::default());
    let with_document = pruned(&folder).unwrap();
    std::fs::remove_dir_all(folder.root.path().join("out")).unwrap();
    let document = object(&folder.model().join("tokenizer.json"));
    let mut tokens: Vec<_> = document["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .collect();
    tokens.sort_by_key(|(_, index)| index.as_u64());
    let lines: String = tokens
        .iter()
        .map(|(token, _)| format!("{token}\n"))
        .collect();
    std::fs::write(folder.model().join("vocab.txt"), lines).unwrap();
    std::fs::remove_file(folder.model().join("tokenizer.json")).unwrap();
    let with_vocabulary = pruned(&folder).unwrap();
    assert_eq!(with_vocabulary.groups, with_document.groups);
    assert_eq!(with_vocabulary.evaluation, with_document.evaluation);
    assert!(folder.root.path().join("out/tokenizer.json").is_file());
}
