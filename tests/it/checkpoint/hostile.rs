//! Folders of models that are made to fill the memory, to take long, or to be read in two ways. Each gives a clear failure
//! to the code with which a job reads them.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use optin::prune::failure::{Code, Failure};
use optin::prune::prepare::Prepared;
use serde_json::{Value, json};

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::refusal::assert_says;

/// Reads a model and its data as a job does, after a change of the model's folder.
fn outcome(change: impl FnOnce(&Path)) -> Result<(), Failure> {
    let folder = Folder::new(Tiny::default());
    change(&folder.model());
    Prepared::read(&folder.places("out"), &folder.recipe(0.5)).map(drop)
}

fn refusal(change: impl FnOnce(&Path)) -> Failure {
    outcome(change).unwrap_err()
}

/// Writes a weights file with this header and no data.
fn write_header(folder: &Path, header: &str) {
    let mut file = File::create(folder.join("model.safetensors")).unwrap();
    let length = (header.len() as u64).to_le_bytes();
    file.write_all(&length).unwrap();
    file.write_all(header.as_bytes()).unwrap();
}

fn numbers(count: usize) -> String {
    format!("[{}0]", "0,".repeat(count - 1))
}

#[test]
fn headers_are_limited_before_they_are_parsed() {
    const ENTRY: &str = r#"{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#;
    let many: Vec<String> = (0..=100_000)
        .map(|at| format!("\"{at}\":{ENTRY}"))
        .collect();
    for (header, words) in [
        (
            format!(
                r#"{{"a":{{"dtype":"F32","shape":{},"data_offsets":[0,0]}}}}"#,
                numbers(5_000_000)
            ),
            "at most 16 dimensions",
        ),
        (
            format!(
                r#"{{"a":{{"dtype":"F32","shape":[0],"data_offsets":{}}}}}"#,
                numbers(5_000_000)
            ),
            "no valid entry for \"a\"",
        ),
        (
            format!(r#"{{"__metadata__":{{"format":{}}}}}"#, numbers(5_000_000)),
            "not a map of strings",
        ),
        (format!("[{}", numbers(5_000_000)), "not a JSON object"),
        (" ".repeat(20 << 20), "not a JSON object"),
        (
            format!("{{{}}}", many.join(",")),
            "more than 100000 tensors",
        ),
        (
            format!("{{\"a\":{ENTRY},\"a\":{ENTRY}}}"),
            "lists \"a\" twice",
        ),
        (" ".repeat(33 << 20), "the limit is 33554432 bytes"),
    ] {
        let failure = refusal(|folder| write_header(folder, &header));
        assert_says(&failure, Code::InvalidCheckpoint, &[words]);
    }
}

#[test]
fn files_beside_the_weights_are_limited_before_they_are_parsed() {
    let tokens: String = (0..=2_000_000).map(|_| "a\n").collect();
    let cases: [(&str, String, Code, &[&str]); 7] = [
        (
            "config.json",
            format!("{{\"a\": {}}}", numbers(2_000_000)),
            Code::LimitExceeded,
            &["config.json", "too many values", "2000000"],
        ),
        (
            "config.json",
            "[".repeat(1_000),
            Code::InvalidCheckpoint,
            &["config.json", "line 1"],
        ),
        (
            "config.json",
            " ".repeat((16 << 20) + 1),
            Code::LimitExceeded,
            &["config.json", "too large", "16777216"],
        ),
        (
            "tokenizer_config.json",
            format!("{{\"a\": {}}}", numbers(2_000_000)),
            Code::LimitExceeded,
            &["tokenizer_config.json", "too many values"],
        ),
        (
            "tokenizer.json",
            format!("{{\"model\": {}}}", numbers(2_000_000)),
            Code::LimitExceeded,
            &["tokenizer.json", "too many values"],
        ),
        (
            "tokenizer.json",
            " ".repeat((64 << 20) + 1),
            Code::LimitExceeded,
            &["tokenizer.json", "too large"],
        ),
        (
            "vocab.txt",
            tokens,
            Code::LimitExceeded,
            &["vocab.txt", "too many lines", "2000000 tokens"],
        ),
    ];
    for (name, content, code, words) in cases {
        let failure = refusal(|folder| {
            if name == "vocab.txt" {
                std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
            }
            std::fs::write(folder.join(name), content).unwrap();
        });
        assert_says(&failure, code, words);
    }
}

#[test]
fn a_key_that_occurs_twice_is_named() {
    for (name, code, content) in [
        (
            "config.json",
            Code::InvalidCheckpoint,
            r#"{"hidden_size": 24, "hidden_size": 48}"#,
        ),
        (
            "config.json",
            Code::InvalidCheckpoint,
            r#"{"id2label": {"hidden_size": "a", "0": "b", "hidden_size": "c"}}"#,
        ),
        (
            "tokenizer_config.json",
            Code::InvalidTokenizer,
            r#"{"hidden_size": 1, "hidden_size": 1}"#,
        ),
        (
            "tokenizer.json",
            Code::InvalidTokenizer,
            r#"{"model": {"vocab": [{"hidden_size": 1, "hidden_size": 2}]}}"#,
        ),
    ] {
        let failure = refusal(|folder| std::fs::write(folder.join(name), content).unwrap());
        assert_says(
            &failure,
            code,
            &[name, "the key \"hidden_size\" twice", "remove one"],
        );
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_named() {
    let failure = refusal(|folder| {
        std::fs::remove_file(folder.join("model.safetensors")).unwrap();
        std::fs::create_dir(folder.join("model-1.safetensors")).unwrap();
        let index = json!({"weight_map": {"a": "model-1.safetensors"}});
        let path = folder.join("model.safetensors.index.json");
        std::fs::write(path, index.to_string()).unwrap();
    });
    assert_says(
        &failure,
        Code::InvalidCheckpoint,
        &["model-1.safetensors", "is a folder", "must be a file"],
    );
}

/// Changes `tokenizer.json`, and makes transformers use it unchanged.
fn change_tokenizer(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("tokenizer.json");
    let mut document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut document);
    std::fs::write(path, document.to_string()).unwrap();
    let config = json!({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 24});
    std::fs::write(folder.join("tokenizer_config.json"), config.to_string()).unwrap();
}

fn replace(pattern: Value, content: &str) -> Value {
    json!({"type": "Replace", "pattern": pattern, "content": content})
}

fn doubling(steps: usize) -> Value {
    let step = replace(json!({"String": "w"}), "ww");
    json!({"type": "Sequence", "normalizers": vec![step; steps]})
}

/// A normalizer with this map of SentencePiece, whose only text has this length.
fn precompiled(bytes: usize) -> Value {
    use base64::Engine;
    let mut map = vec![0; 4];
    map.extend(vec![b'x'; bytes]);
    let map = base64::engine::general_purpose::STANDARD.encode(map);
    json!({"type": "Precompiled", "precompiled_charsmap": map})
}

#[test]
fn tokenizers_that_multiply_texts_are_refused() {
    let cases: Vec<(&str, Value, &str)> = vec![
        ("normalizer", doubling(40), "1099511627776 times as long"),
        (
            "normalizer",
            json!({"type": "Sequence", "normalizers": vec![doubling(7); 6]}),
            "times as long; the limit is 10000",
        ),
        (
            "normalizer",
            replace(json!({"String": "w"}), &"w".repeat(300)),
            "a text of 300 bytes; the limit is 256",
        ),
        (
            "normalizer",
            json!({"type": "Sequence", "normalizers": vec![replace(json!({"Regex": "x*"}), "xxxxxxxxx"); 5]}),
            "100000 times as long",
        ),
        (
            "normalizer",
            json!({"type": "Sequence", "normalizers": vec![json!({"type": "NFC"}); 65]}),
            "more than 64 steps",
        ),
        ("normalizer", precompiled(20_000), "20000 times as long"),
        (
            "pre_tokenizer",
            json!({"type": "Sequence", "pretokenizers": vec![json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}); 10]}),
            "its pre-tokenizer can make a text 1024 times as long",
        ),
    ];
    for (part, step, words) in cases {
        let failure = refusal(|folder| change_tokenizer(folder, |document| document[part] = step));
        assert_says(&failure, Code::InvalidTokenizer, &[words]);
    }
    let repeated = refusal(|folder| {
        change_tokenizer(folder, |document| {
            let single = &mut document["post_processor"]["single"];
            let text = single[1].clone();
            single.as_array_mut().unwrap().push(text);
        });
    });
    assert_says(
        &repeated,
        Code::InvalidTokenizer,
        &["contains a text twice"],
    );
    let long_words = refusal(|folder| {
        change_tokenizer(folder, |document| {
            document["model"]["max_input_chars_per_word"] = json!(1 << 30);
        });
    });
    assert_says(
        &long_words,
        Code::InvalidTokenizer,
        &["max_input_chars_per_word", "the limit is 1000"],
    );
    let added = refusal(|folder| {
        change_tokenizer(folder, |document| {
            let token = |id: usize| json!({"id": id, "content": format!("[{id}]")});
            document["added_tokens"] = (0..=100_000).map(token).collect();
        });
    });
    assert_says(
        &added,
        Code::InvalidTokenizer,
        &["too many tokens", "100000 tokens"],
    );
}

#[test]
fn growth_below_the_limit_is_measured_for_each_text() {
    // Twelve doublings make a short text longer, and may not fill the memory with a long one.
    let grown = |row: &str| {
        let folder = Folder::new(Tiny::default());
        change_tokenizer(&folder.model(), |document| {
            document["normalizer"] = doubling(12);
        });
        let table = format!("text\tlabel\n{row}\tclass 0\n");
        std::fs::write(folder.calibration(), table).unwrap();
        let mut recipe = folder.recipe(0.5);
        recipe.evaluation = None;
        let mut places = folder.places("out");
        places.evaluation = None;
        Prepared::read(&places, &recipe).map(drop)
    };
    grown("w w w").unwrap();
    let failure = grown(&"w ".repeat(600)).unwrap_err();
    assert_says(
        &failure,
        Code::LimitExceeded,
        &["line 2", "after the normalizer of the tokenizer", "2097152"],
    );
}

/// Gives the last word of the vocabulary this index.
fn move_last_word(folder: &Path, index: u64) {
    let path = folder.join("tokenizer.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let vocabulary = Tiny::default().vocabulary;
    let word = format!("\"w{}\":", vocabulary - 6);
    let last = format!("{word}{}", vocabulary - 1);
    assert!(text.contains(&last));
    std::fs::write(path, text.replace(&last, &format!("{word}{index}"))).unwrap();
}

#[test]
fn a_token_without_an_embedding_is_named_with_its_row() {
    let failure = refusal(|folder| move_last_word(folder, 5_000_000));
    assert_says(
        &failure,
        Code::InvalidTokenizer,
        &["calibration.tsv, line ", "token 5000000", "embeddings"],
    );
    let failure = refusal(|folder| move_last_word(folder, 4_000_000_000));
    assert_says(
        &failure,
        Code::InvalidTokenizer,
        &["index 4000000000", "the limit is 10000000"],
    );
}

#[test]
fn epsilons_that_are_zero_in_float32_are_refused() {
    for epsilon in ["-1e-12", "0", "1e-60", "1.0", "-0.0"] {
        let failure = refusal(|folder| {
            let path = folder.join("config.json");
            let text = std::fs::read_to_string(&path).unwrap();
            let mut changed = String::new();
            write!(changed, "{{\"layer_norm_eps\":{epsilon},").unwrap();
            let rest = text.replace("\"layer_norm_eps\":1e-12,", "");
            changed.push_str(rest.strip_prefix('{').unwrap());
            std::fs::write(path, changed).unwrap();
        });
        assert_says(
            &failure,
            Code::InvalidCheckpoint,
            &["layer_norm_eps", "between 0 and 1"],
        );
    }
}
