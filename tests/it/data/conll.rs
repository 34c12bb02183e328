//! Sentences of CoNLL files as data of a token classification.

use optin::data::mapping::Mapping;
use optin::data::truth::Truth;
use serde_json::json;

use super::Setup;
use crate::fixture::task;

#[test]
fn sentences_are_lists_of_words() {
    let setup = Setup::new();
    let file = setup.file("a.conll", "w1 NN O\nw2 NN B-X\n\nw3 NN O\n");
    let tokens = task::task(json!({
        "id2label": {"0": "O", "1": "B-X"},
        "architectures": ["BertForTokenClassification"],
    }));
    let data = setup.evaluation(&file, &Mapping::default(), &tokens);
    let data = data.unwrap();
    let truth = |labels: &[f32]| Some(Truth::Numbers(labels.to_vec()));
    let expected = [
        truth(&[-100.0, 0.0, 1.0, -100.0]),
        truth(&[-100.0, 0.0, -100.0]),
    ];
    assert_eq!(data.answers, expected);
    assert_eq!(data.mapping.label.as_deref(), Some("tags"));
}
