//! Windows of long texts as transformers makes them, and answers as the official script of SQuAD compares them
//! (`tests/goldens/questions/make_goldens.py`).

use std::path::Path;

use optin::answer::squad::Match;
use optin::checkpoint::limits::Limits;
use optin::checkpoint::tokenizer::Tokenizer;
use serde_json::{Value, json};

fn goldens() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/questions/goldens.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn answers_are_compared_as_the_official_script_does() {
    let goldens = goldens();
    let cases = goldens["matches"].as_array().unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let found = Match::of(case[0].as_str().unwrap(), &strings(&case[1]));
        let expected = (case[2].as_f64().unwrap(), case[3].as_f64().unwrap());
        assert_eq!(found.exact, expected.0, "{case}");
        assert!((found.f1 - expected.1).abs() < 1e-12, "{case}: {found:?}");
    }
}

#[test]
fn windows_are_those_of_transformers() {
    let goldens = goldens();
    let questions = goldens["questions"].as_array().unwrap();
    for (name, case) in goldens["windows"].as_object().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in case["files"].as_object().unwrap() {
            let content = content.as_str().map_or(content.to_string(), str::to_owned);
            std::fs::write(folder.path().join(file), content).unwrap();
        }
        let tokenizer = Tokenizer::open(folder.path(), 48, &Limits::default()).unwrap();
        let windows = tokenizer.windows().unwrap();
        let expected = case["questions"].as_array().unwrap();
        for (question, expected) in questions.iter().zip(expected) {
            let texts = [0, 1].map(|text| question[text].as_str().unwrap());
            let found = windows.encode(texts[0], texts[1]).unwrap();
            // Transformers 4 gives generic classes segments, and has a template of its own for BERT.
            let same = [
                "class_of_roberta",
                "inputs_without_segments",
                "no_length",
                "plain",
            ];
            if same.contains(&name.as_str()) {
                assert!(windows.agrees_with_4(texts, &found).unwrap(), "{name}");
            }
            let found = found.iter().map(|window| {
                let places = window.places.iter().map(|place| {
                    let place = place.clone()?;
                    let bytes = place.start as usize..place.end as usize;
                    Some(texts[1].get(bytes).unwrap())
                });
                let places: Vec<Option<&str>> = places.collect();
                json!([window.encoding.ids, window.encoding.types, places])
            });
            let found: Vec<Value> = found.collect();
            assert_eq!(json!(found), *expected, "{name}: {question}");
        }
    }
}
