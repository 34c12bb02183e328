//! Unusual tokenizer folders. The expected encodings are those of `AutoTokenizer` in transformers 4 and 5
//! (`tests/goldens/tokenizers`).

use optin::checkpoint::error::CheckpointError;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::tokenizer::Tokenizer;
use optin::checkpoint::tokenizer::encoding::{Encoding, WordEncoding};
use serde_json::{Map, Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Length to which rows are truncated if the tokenizer sets no length.
const POSITIONS: usize = 48;

/// A case whose maximum length leaves no room for a text. transformers opens it and does not truncate, so rows can be
/// too long for the model.
const TOO_SHORT: &str = "shorter_than_its_special_tokens";

struct Goldens(Value);

impl Goldens {
    fn read() -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/tokenizers/goldens.json");
        Self(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    fn cases(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0["cases"].as_object().unwrap().iter()
    }

    /// Returns the texts, then the pairs.
    fn rows(&self) -> Vec<(&str, Option<&str>)> {
        let texts = self.0["texts"].as_array().unwrap().iter();
        let texts = texts.map(|text| (text.as_str().unwrap(), None));
        let pairs = self.0["pairs"].as_array().unwrap().iter();
        texts
            .chain(pairs.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str())))
            .collect()
    }

    /// Returns the lists of words.
    fn lists(&self) -> Vec<Vec<&str>> {
        let lists = self.0["lists"].as_array().unwrap().iter();
        lists
            .map(|list| {
                let words = list.as_array().unwrap().iter();
                words.map(|word| word.as_str().unwrap()).collect()
            })
            .collect()
    }

    /// Writes the files of a case. Its `tokenizer.json` contains only the keys that differ from the plain one.
    fn folder(&self, case: &Value) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in case["files"].as_object().unwrap() {
            let content = match (name.as_str(), content) {
                (_, Value::String(text)) => text.clone(),
                ("tokenizer.json", Value::Object(changed)) => {
                    let mut whole = self.0["plain"]["tokenizer.json"].clone();
                    whole.as_object_mut().unwrap().extend(changed.clone());
                    whole.to_string()
                }
                (_, content) => content.to_string(),
            };
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        folder
    }
}

fn open(folder: &Path) -> Result<Tokenizer, CheckpointError> {
    Tokenizer::open(folder, POSITIONS, &Limits::default())
}

fn encodings(golden: &Value) -> Option<Vec<Encoding>> {
    let numbers = |value: &Value| -> Vec<u32> { serde_json::from_value(value.clone()).unwrap() };
    let rows = golden.as_array()?.iter();
    Some(
        rows.map(|row| Encoding {
            ids: numbers(&row[0]),
            types: numbers(&row[1]),
        })
        .collect(),
    )
}

/// Returns the encodings of the lists of words, or `None` if transformers does not encode words. The segments are zero.
fn word_encodings(golden: &Value) -> Option<Vec<WordEncoding>> {
    let rows = golden.as_array()?.iter();
    Some(
        rows.map(|row| {
            let ids: Vec<u32> = serde_json::from_value(row[0].clone()).unwrap();
            let types = vec![0; ids.len()];
            WordEncoding {
                encoding: Encoding { ids, types },
                words: serde_json::from_value(row[1].clone()).unwrap(),
            }
        })
        .collect(),
    )
}

#[test]
fn encodings_equal_those_of_transformers_5() {
    let goldens = Goldens::read();
    for (name, case) in goldens.cases().filter(|(name, _)| *name != TOO_SHORT) {
        let opened = open(goldens.folder(case).path());
        let Some(wanted) = encodings(&case["five"]) else {
            assert!(opened.is_err(), "{name} does not open in transformers 5");
            continue;
        };
        let tokenizer = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        for ((text, pair), wanted) in goldens.rows().into_iter().zip(wanted) {
            let found = tokenizer.encode(text, pair).unwrap();
            assert_eq!(found, wanted, "{name}: {text:?}, {pair:?}");
        }
    }
}

#[test]
fn differences_to_transformers_4_are_known_for_each_row() {
    let goldens = Goldens::read();
    let mut differing = 0;
    for (name, case) in goldens.cases().filter(|(name, _)| *name != TOO_SHORT) {
        let Ok(tokenizer) = open(goldens.folder(case).path()) else {
            continue;
        };
        let wanted = encodings(case.get("four").unwrap_or(&case["five"]));
        for (index, (text, pair)) in goldens.rows().into_iter().enumerate() {
            let found = tokenizer.encode_as_4(text, pair).unwrap();
            let wanted = wanted.as_ref().map(|rows| rows[index].clone());
            assert_eq!(found, wanted, "{name}: {text:?}, {pair:?}");
            let own = tokenizer.encode(text, pair).unwrap();
            let agrees = tokenizer.agrees_with_4(text, pair, &own).unwrap();
            assert_eq!(
                agrees,
                found.is_none_or(|found| found == own),
                "{name}: {text:?}"
            );
            differing += usize::from(!agrees);
        }
    }
    assert!(differing > 100, "only {differing} rows differ");
}

#[test]
fn encodings_of_words_equal_those_of_transformers_5() {
    let goldens = Goldens::read();
    let mut encoded = 0;
    for (name, case) in goldens.cases().filter(|(name, _)| *name != TOO_SHORT) {
        let Ok(tokenizer) = open(goldens.folder(case).path()) else {
            continue;
        };
        let wanted = word_encodings(&case["five_words"]).unwrap();
        for (words, wanted) in goldens.lists().into_iter().zip(wanted) {
            let found = tokenizer.encode_words(&words).unwrap();
            assert_eq!(found, wanted, "{name}: {words:?}");
            encoded += 1;
        }
    }
    assert!(encoded > 1000, "only {encoded} lists are encoded");
}

#[test]
fn differences_to_transformers_4_are_known_for_each_list_of_words() {
    let goldens = Goldens::read();
    let (mut differing, mut rejecting) = (0, Vec::new());
    for (name, case) in goldens.cases().filter(|(name, _)| *name != TOO_SHORT) {
        let Ok(tokenizer) = open(goldens.folder(case).path()) else {
            continue;
        };
        let wanted = match case["four"].is_object() {
            true => None,
            false => word_encodings(case.get("four_words").unwrap_or(&case["five_words"])),
        };
        if wanted.is_none() {
            rejecting.push(name.as_str());
        }
        for (index, words) in goldens.lists().into_iter().enumerate() {
            let found = tokenizer.encode_words_as_4(&words).unwrap();
            let wanted = wanted.as_ref().map(|rows| rows[index].clone());
            assert_eq!(found, wanted, "{name}: {words:?}");
            let own = tokenizer.encode_words(&words).unwrap();
            let agrees = tokenizer.agrees_with_4_on_words(&words, &own).unwrap();
            assert_eq!(
                agrees,
                found.is_none_or(|found| found == own),
                "{name}: {words:?}"
            );
            differing += usize::from(!agrees);
        }
    }
    assert!(differing > 30, "only {differing} lists differ");
    assert!(rejecting.contains(&"class_of_roberta"), "{rejecting:?}");
    assert!(!rejecting.contains(&"class_of_roberta_with_prefix"));
}

#[test]
fn words_that_are_not_separated_are_noted() {
    let goldens = Goldens::read();
    let without = [
        "class_of_roberta",
        "generic_class_byte_level",
        "generic_class_unigram_never",
    ];
    for (name, case) in goldens.cases().filter(|(name, _)| *name != TOO_SHORT) {
        let Ok(tokenizer) = open(goldens.folder(case).path()) else {
            continue;
        };
        let note = tokenizer.note_on_words().unwrap();
        assert_eq!(note.is_some(), without.contains(&name.as_str()), "{name}");
        assert!(note.is_none_or(|note| note.contains("add_prefix_space")));
    }
}

#[test]
fn written_files_give_the_same_encodings_in_transformers_4_and_5() {
    let goldens = Goldens::read();
    for (name, case) in goldens.cases() {
        let Ok(tokenizer) = open(goldens.folder(case).path()) else {
            continue;
        };
        let written = tempfile::tempdir().unwrap();
        for (file, content) in tokenizer.files().unwrap() {
            std::fs::write(written.path().join(file), content).unwrap();
        }
        let again = open(written.path()).unwrap();
        for (text, pair) in goldens.rows() {
            let wanted = tokenizer.encode(text, pair).unwrap();
            assert_eq!(
                again.encode(text, pair).unwrap(),
                wanted,
                "{name}: {text:?}, {pair:?}"
            );
            assert_eq!(
                again.encode_as_4(text, pair).unwrap(),
                Some(wanted),
                "{name}: {text:?}, {pair:?}"
            );
        }
        for words in goldens.lists() {
            let wanted = tokenizer.encode_words(&words).unwrap();
            assert_eq!(
                again.encode_words(&words).unwrap(),
                wanted,
                "{name}: {words:?}"
            );
            assert_eq!(
                again.encode_words_as_4(&words).unwrap(),
                Some(wanted),
                "{name}: {words:?}"
            );
        }
    }
}

#[test]
fn a_written_configuration_names_a_built_in_class_and_no_custom_code() {
    let goldens = Goldens::read();
    for (name, case) in goldens.cases() {
        let Ok(tokenizer) = open(goldens.folder(case).path()) else {
            continue;
        };
        let files = tokenizer.files().unwrap();
        let (_, config) = files
            .iter()
            .find(|(name, _)| *name == "tokenizer_config.json")
            .unwrap();
        let config: Map<String, Value> = serde_json::from_str(config).unwrap();
        let class = config["tokenizer_class"].as_str().unwrap();
        let built_in = [
            "BertTokenizer",
            "DistilBertTokenizer",
            "ElectraTokenizer",
            "MobileBertTokenizer",
            "PreTrainedTokenizerFast",
        ];
        assert!(built_in.contains(&class), "{name}: {class}");
        assert!(!config.contains_key("auto_map"), "{name}");
    }
}

/// Writes the plain folder with these keys added to `tokenizer_config.json`.
fn plain_with(keys: Value) -> TempDir {
    let goldens = Goldens::read();
    let folder = goldens.folder(&goldens.0["cases"]["plain"]);
    let path = folder.path().join("tokenizer_config.json");
    let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let config = config.as_object_mut().unwrap();
    config.extend(keys.as_object().unwrap().clone());
    std::fs::write(path, json!(config).to_string()).unwrap();
    folder
}

#[test]
fn a_maximum_length_without_room_for_a_text_is_rejected() {
    let folder = plain_with(json!({"model_max_length": 3}));
    let error = open(folder.path()).err().unwrap().to_string();
    assert!(
        error.contains("model_max_length is 3") && error.contains("3 special tokens"),
        "{error}"
    );
}

#[test]
fn values_of_the_wrong_type_are_rejected() {
    for (keys, word) in [
        (json!({"do_lower_case": "yes"}), "do_lower_case"),
        (json!({"do_lower_case": null}), "do_lower_case"),
        (json!({"truncation_side": "top"}), "\"left\" or \"right\""),
        (json!({"model_max_length": "long"}), "model_max_length"),
        (
            json!({"added_tokens_decoder": {"a": {"content": "x"}}}),
            "added_tokens_decoder",
        ),
        (json!({"added_tokens_decoder": [1]}), "added_tokens_decoder"),
        (json!({"cls_token": 3}), "cls_token"),
        (json!({"cls_token": null}), "cls_token"),
    ] {
        let error = open(plain_with(keys.clone()).path()).err().unwrap();
        assert!(
            matches!(error, CheckpointError::Tokenizer(_)),
            "{keys}: {error}"
        );
        assert!(error.to_string().contains(word), "{keys}: {error}");
    }
}

#[test]
fn a_class_that_exists_only_in_python_is_rejected() {
    let folder = plain_with(json!({"tokenizer_class": "BertJapaneseTokenizer"}));
    let error = open(folder.path()).err().unwrap().to_string();
    assert!(
        error.contains("BertJapaneseTokenizer") && error.contains("fast tokenizer"),
        "{error}"
    );
}

#[test]
fn unsupported_settings_are_noted() {
    let notes = |keys: Value| open(plain_with(keys).path()).unwrap().notes().join(" ");
    assert_eq!(notes(json!({})), "");
    assert!(
        notes(json!({"word_shape": 3, "clean_text": true}))
            .ends_with("not understood: word_shape.")
    );
    assert!(
        notes(json!({"tokenizer_class": "FancyTokenizer"})).contains("FancyTokenizer is unknown")
    );
    assert!(
        notes(json!({"tokenizer_class": "XLMRobertaTokenizer"})).contains("XLMRobertaTokenizer")
    );
    assert!(notes(json!({"auto_map": {"AutoTokenizer": ["a.B", null]}})).contains("auto_map"));
    assert!(notes(json!({"padding_side": "left"})).contains("pads on the left"));
    assert!(
        notes(json!({"tokenizer_class": "TokenizersBackend"}))
            .contains("transformers 4 cannot open")
    );
}

/// Without a class in the files of the tokenizer, transformers takes that of the model's type.
#[test]
fn the_type_of_a_model_names_the_class_if_no_file_does() {
    let opened = |model_type: &str| {
        let folder = plain_with(json!({"tokenizer_class": null}));
        let config = json!({"model_type": model_type}).to_string();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        open(folder.path()).unwrap()
    };
    let has_segments = |tokenizer: &Tokenizer| {
        let encoding = tokenizer.encode("the cat", Some("a dog")).unwrap();
        encoding.types.contains(&1)
    };
    for (model_type, class) in [
        ("roberta", "RobertaTokenizer"),
        ("xlm-roberta", "XLMRobertaTokenizer"),
        ("camembert", "CamembertTokenizer"),
        ("mpnet", "MPNetTokenizer"),
    ] {
        let tokenizer = opened(model_type);
        assert!(tokenizer.notes().join(" ").contains(class), "{model_type}");
        assert!(!has_segments(&tokenizer), "{model_type}");
    }
    for model_type in ["bert", "distilbert", "electra"] {
        let tokenizer = opened(model_type);
        assert!(tokenizer.notes().is_empty() && has_segments(&tokenizer));
        // A model may read no segments.
        let tokenizer = tokenizer.without_segments();
        assert!(!has_segments(&tokenizer));
        let files = tokenizer.files().unwrap();
        assert!(
            files
                .iter()
                .all(|(_, file)| !file.contains("token_type_ids"))
        );
    }
}
