//! Predicted answers, their scores, and the divergence of two models.

use optin::answer;
use optin::answer::metric::Records;
use optin::answer::task::Outputs;
use optin::checkpoint::config::Config;
use optin::data::passage::Passage;
use optin::data::truth::Truth;

use serde_json::json;

use super::answer;

/// A text of five words after a special token, two tokens of a question and another special token.
fn passage(question: usize) -> Passage {
    let places = [None, None, None, None]
        .into_iter()
        .chain((0..5).map(|word| Some(2 * word..2 * word + 1)));
    Passage::new(question, "a b c d e".into(), places.collect())
}

/// Returns logits in which the start, the end and both logits of no answer are these.
fn logits(start: (usize, f32), end: (usize, f32), none: f32) -> Vec<f32> {
    let mut values = vec![-4.0; 18];
    // Positions of the question do not count.
    values[2] = 50.0;
    values[5] = 50.0;
    values[0] = none;
    values[1] = none;
    values[2 * (4 + start.0)] = start.1;
    values[2 * (4 + end.0) + 1] = end.1;
    values
}

fn record(question: usize, values: &[f32], truths: &[&str]) -> Vec<f64> {
    let passage = passage(question);
    let truth = Truth::Texts(truths.iter().map(|&text| text.to_owned()).collect());
    let outputs = Outputs::new(values, 9).within(Some(&passage));
    answer().record(outputs, &truth)
}

fn scores(records: &[Vec<f64>]) -> (f64, f64, usize) {
    let records = Records {
        before: records,
        after: records,
        bare: None,
    };
    let metrics = answer().metrics(&[], records);
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names, ["f1", "exact_match"]);
    (
        metrics[0].after.value,
        metrics[1].after.value,
        metrics[0].count,
    )
}

#[test]
fn the_best_window_answers_a_question() {
    // "b c", of which "b c d" has two of three words, so that F1 is 0.8.
    let right = logits((1, 2.0), (2, 2.0), -3.0);
    let other = logits((4, 1.0), (4, 1.0), -3.0);
    let better = logits((4, 3.0), (4, 2.0), -3.0);
    let truths = ["b c d"];
    let close = |(f1, exact, count): (f64, f64, usize), expected: (f64, f64, usize)| {
        assert!((f1 - expected.0).abs() < 1e-12, "{f1} {expected:?}");
        assert_eq!((exact, count), (expected.1, expected.2));
    };
    close(scores(&[record(0, &right, &truths)]), (0.8, 0.0, 1));
    close(
        scores(&[record(0, &right, &truths), record(0, &other, &truths)]),
        (0.8, 0.0, 1),
    );
    close(
        scores(&[record(0, &right, &truths), record(0, &better, &truths)]),
        (0.0, 0.0, 1),
    );
    // Another question counts by itself.
    let records = [record(0, &right, &truths), record(3, &better, &["e", "x"])];
    close(scores(&records), (0.9, 0.5, 2));
}

/// No answer is predicted only if the data have questions without one. Its score is the smallest of all windows.
#[test]
fn no_answer_is_predicted_if_its_score_is_larger() {
    let sure = logits((1, 2.0), (2, 2.0), -3.0);
    let unsure = logits((1, 2.0), (2, 2.0), 3.0);
    assert_eq!(scores(&[record(0, &unsure, &["b c"])]).1, 1.0);
    let unanswerable = record(1, &unsure, &[]);
    let records = [record(0, &unsure, &["b c"]), unanswerable.clone()];
    assert_eq!(scores(&records).1, 0.5);
    let records = [record(0, &sure, &["b c"]), unanswerable.clone()];
    assert_eq!(scores(&records).1, 1.0);
    // A window that holds the answer is sure of it.
    let records = [
        record(0, &unsure, &["b c"]),
        record(0, &sure, &["b c"]),
        unanswerable.clone(),
    ];
    assert_eq!(scores(&records).1, 1.0);
    let wrong = record(1, &sure, &[]);
    assert!(answer().became_wrong(&unanswerable, &wrong));
    assert!(!answer().became_wrong(&wrong, &unanswerable));
}

/// An answer ends after it begins, and has at most 30 tokens.
#[test]
fn the_best_answer_is_a_part_of_the_text() {
    let text = "x ".repeat(60);
    let places = std::iter::once(None).chain((0..60u32).map(|word| Some(2 * word..2 * word + 1)));
    let passage = Passage::new(0, text.as_str().into(), places.collect());
    let mut values = vec![0.0f32; 2 * 61];
    // The largest logits are 35 positions apart, and the end of the second best comes before its start.
    values[2 * 5] = 9.0;
    values[2 * 40 + 1] = 9.0;
    values[2 * 3 + 1] = 5.0;
    values[2 * 30 + 1] = 2.0;
    let outputs = Outputs::new(&values, 61).within(Some(&passage));
    let truth = Truth::Texts(vec!["x".repeat(26)]);
    let record = answer().record(outputs, &truth);
    assert_eq!(record[1], 11.0);
    // Without the second end, the answer has any end.
    let same = Outputs::new(&values, 61).within(Some(&passage));
    assert_eq!(answer().agreement(outputs, same), Some(1.0));
    values[2 * 30 + 1] = 0.0;
    let outputs = Outputs::new(&values, 61).within(Some(&passage));
    assert_eq!(answer().record(outputs, &truth)[1], 9.0);
}

/// Positions that are not asked change nothing.
#[test]
fn the_divergence_is_that_of_the_asked_positions() {
    let asked = [1, 0, 1, 1];
    let (original, mut changed) = ([0.5, 1.0, 0.3, -1.0, 1.0, 0.0, -0.5, 2.0], [0.0f32; 8]);
    let outputs = |values| Outputs {
        asked: Some(&asked),
        ..Outputs::new(values, 4)
    };
    let divergence = |changed: &[f32]| {
        let task = answer();
        let changed = Outputs {
            asked: Some(&asked),
            ..Outputs::new(changed, 4)
        };
        task.divergence(outputs(&original), changed, 1.0)
    };
    changed.copy_from_slice(&original);
    changed[2] = 30.0;
    changed[3] = -30.0;
    assert_eq!(divergence(&changed), 0.0);
    changed[4] += 1.0;
    let distribution = |values: [f64; 3]| {
        let sum: f64 = values.iter().map(|value| value.exp()).sum();
        values.map(|value| value.exp() / sum)
    };
    let (p, q) = (
        distribution([0.5, 1.0, -0.5]),
        distribution([0.5, 2.0, -0.5]),
    );
    let expected: f64 = p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum();
    let found = divergence(&changed);
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");
}

#[test]
fn a_model_has_two_outputs_for_answers() {
    let config = json!({"num_labels": 3, "architectures": ["BertForQuestionAnswering"]});
    let config = Config::new(config.as_object().unwrap().clone());
    let message = answer::of(&config).unwrap_err().to_string();
    assert!(message.contains("3 labels"), "{message}");
}
