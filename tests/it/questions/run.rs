//! A model of questions, from its folder and data to the result.

use std::path::PathBuf;

use optin::prune::journal::NoJournal;
use optin::prune::run;
use optin::prune::watch::Unwatched;
use safetensors::Dtype;
use serde_json::{Value, json};

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;
use crate::fixture::sentences::words;
use crate::fixture::text::Form;

/// Returns a folder with a tiny model, a nested document for calibration and a table for evaluation.
fn folder() -> Folder {
    let folder = Folder::new(Tiny::default());
    std::fs::remove_file(folder.model().join("config.json")).unwrap();
    Form::RobertaQuestions.write(&folder.model(), Dtype::F32);
    let words = words(64);
    let context = |row: usize| {
        let word = |at: usize| words[(7 * row + 11 * at) % words.len()].as_str();
        (0..5 + row % 30).map(word).collect::<Vec<_>>().join(" ")
    };
    let question = |row: usize| format!("{} {}", words[row % 50], words[(3 * row) % 50]);
    let paragraphs = (0..40).map(|row| {
        json!({"context": context(row), "qas": [{"id": row, "question": question(row), "answers": []}]})
    });
    let document = json!({"data": [{"title": "", "paragraphs": paragraphs.collect::<Vec<_>>()}]});
    std::fs::write(calibration(&folder), document.to_string()).unwrap();
    let rows = (0..40).map(|row| {
        let text = context(row);
        let answers: Vec<&str> = text.split(' ').skip(1).take(row % 4).collect();
        json!({"question": question(row), "context": text, "answers": {"text": answers, "answer_start": []}}).to_string()
    });
    std::fs::write(evaluation(&folder), rows.collect::<Vec<_>>().join("\n")).unwrap();
    folder
}

fn calibration(folder: &Folder) -> PathBuf {
    folder.root.path().join("calibration.json")
}

fn evaluation(folder: &Folder) -> PathBuf {
    folder.root.path().join("evaluation.jsonl")
}

#[test]
fn a_model_of_questions_is_pruned() {
    let folder = folder();
    let places = optin::prune::places::Places {
        calibration: calibration(&folder),
        evaluation: Some(evaluation(&folder)),
        ..folder.places("out")
    };
    let report = run(&places, &folder.recipe(0.6), &NoJournal, &Unwatched).unwrap();
    assert_eq!(report.task, "extractive_question_answering");
    // Long texts have several windows.
    assert!(report.calibration.rows > 40, "{}", report.calibration.rows);
    assert!(report.fidelity.rows > 40, "{}", report.fidelity.rows);
    let evaluation = report.evaluation.unwrap();
    assert_eq!(evaluation.rows, 40);
    assert_eq!(evaluation.main.metric, "f1");
    assert_eq!(evaluation.others[0].metric, "exact_match");
    assert_eq!(evaluation.main.constant, Some(0.25));
    for metric in evaluation.metrics() {
        assert!((0.0..=1.0).contains(&metric.score.after), "{metric:?}");
    }
    let row = &report.changed_rows[0];
    assert_eq!(row.input.as_ref().unwrap().len(), 2);
    assert!(row.before != row.after && row.truth.is_some(), "{row:?}");
    let out = |name: &str| std::fs::read_to_string(places.out.join(name)).unwrap();
    let json = |name: &str| serde_json::from_str::<Value>(&out(name)).unwrap();
    let config = json("config.json");
    assert_eq!(
        config["architectures"],
        json!(["RobertaForQuestionAnswering"])
    );
    let class = json!("modeling_optin_roberta.RobertaForQuestionAnswering");
    assert_eq!(config["auto_map"]["AutoModelForQuestionAnswering"], class);
    let verify = json("verify.json");
    let row = &verify["rows"][0];
    let answers = row["logits"].as_array().unwrap();
    assert_eq!(answers.len(), row["input_ids"].as_array().unwrap().len());
    assert_eq!(answers[0].as_array().unwrap().len(), 2);
    let card = out("README.md");
    for part in [
        "pipeline_tag: question-answering",
        "AutoModelForQuestionAnswering.from_pretrained",
        "inputs = tokenizer(questions, contexts, padding=True, truncation=\"only_second\", ",
        "start_logits, end_logits = session.run([\"start_logits\", \"end_logits\"], dict(inputs))",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
}
