//! The rows of a report whose answers changed most.

use std::fs;
use std::path::Path;

use optin::answer::task::{Answer, Description, Example, Outputs, QueryOutputs};
use optin::data::label_map::LabelMap;
use optin::data::truth::Truth;
use optin::prune::journal::NoJournal;
use optin::prune::recipe::{Recipe, Reporting};
use optin::prune::report::{ChangedRow, Report};
use optin::prune::run;
use optin::prune::verify::changed::{Change, Changed, Kind};
use optin::prune::watch::Unwatched;
use serde_json::json;

use crate::fixture::bert::Tiny;
use crate::fixture::examples::dataset;
use crate::fixture::folder::Folder;
use crate::fixture::task::{classes, number, pixels, task};

/// Describes two answers at this number of positions.
fn described(
    task: &dyn Answer,
    [before, after]: [&[f32]; 2],
    positions: &[&str],
    truth: Option<&[f32]>,
) -> [String; 3] {
    let truth = truth.map(|numbers| Truth::Numbers(numbers.to_vec()));
    let names: Vec<String> = positions.iter().map(|&name| name.to_owned()).collect();
    let outputs = |values| Outputs::new(values, names.len().max(1));
    let Description {
        before,
        after,
        truth,
    } = task.describe(&Example {
        before: outputs(before),
        after: outputs(after),
        truth: truth.as_ref(),
        positions: &names,
    });
    [before, after, truth.unwrap_or_default()]
}

#[test]
fn each_task_describes_its_answers() {
    let three = [3f32.ln(), 0.0];
    assert_eq!(
        described(
            classes(&["no", "yes"]).as_ref(),
            [&three, &[0.0, 3f32.ln()]],
            &[],
            Some(&[0.0])
        ),
        ["no (75.00 %)", "yes (75.00 %)", "no"]
    );
    assert_eq!(
        described(number().as_ref(), [&[1.5], &[-2.0]], &[], Some(&[1.25])),
        ["1.5000", "-2.0000", "1.2500"]
    );
    let numbers = task(json!({"num_labels": 7, "problem_type": "regression"}));
    let told = described(numbers.as_ref(), [&[1.0; 7], &[2.0; 7]], &[], None);
    assert_eq!(
        told[0],
        "1.0000, 1.0000, 1.0000, 1.0000, 1.0000, and 2 more"
    );
    assert_eq!(told[2], "");
    let labels = task(json!({
        "id2label": {"0": "a", "1": "b"}, "problem_type": "multi_label_classification",
    }));
    assert_eq!(
        described(
            labels.as_ref(),
            [&three.map(|logit| logit + 1e-6), &[-(3f32.ln()), -9.0]],
            &[],
            Some(&[0.0, 0.0])
        ),
        [
            "a (75.00 %), b (50.00 %)",
            "no label; most probable is a (25.00 %)",
            "no label"
        ]
    );
    let vectors = task(json!({"num_labels": 2, "architectures": ["SentenceTransformer"]}));
    assert_eq!(
        described(
            vectors.as_ref(),
            [&[2.0, 0.0], &[3.0, 4.0]],
            &[],
            Some(&[5.0, 0.0])
        ),
        [
            "2 numbers",
            "cosine with the vector of the original: 0.6000",
            ""
        ]
    );
}

#[test]
fn a_token_classification_names_the_tokens_whose_labels_changed() {
    let tokens = task(json!({
        "id2label": {"0": "O", "1": "B-LOC"}, "architectures": ["BertForTokenClassification"],
    }));
    let before = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0];
    let after = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
    let truth: &[f32] = &[0.0, 1.0, -100.0];
    assert_eq!(
        described(
            tokens.as_ref(),
            [&before, &after],
            &["in", "New", "##ton"],
            Some(truth)
        ),
        [
            "New: B-LOC, ##ton: B-LOC",
            "New: O, ##ton: O",
            "New: B-LOC, ##ton: no label"
        ]
    );
}

/// Returns the answers of one query for each of two classes, with masks over a map of two pixels.
fn map<'a>(classes: &'a [f32], masks: &'a [f32], values: &'a [f32]) -> Outputs<'a> {
    Outputs {
        queries: Some(QueryOutputs { classes, masks }),
        ..Outputs::of_map(values, [1, 2])
    }
}

#[test]
fn a_segmentation_tells_the_pixels_that_changed() {
    let task = pixels(&["sky", "road"]);
    // Each query is sure of its class.
    let queries = [9.0, 0.0, 0.0, 0.0, 9.0, 0.0];
    let (both, sky) = ([9.0, -9.0, -9.0, 9.0], [9.0, -9.0, 9.0, -9.0]);
    let values = [0.0; 4];
    let truth = Truth::Map(LabelMap::new([1, 2], 2, [Some(0), Some(1)].into_iter()));
    let example = |truth| Example {
        before: map(&queries, &both, &values),
        after: map(&queries, &sky, &values),
        truth,
        positions: &[],
    };
    let told = task.describe(&example(Some(&truth)));
    assert_eq!(told.before, "sky 50.00 %, road 50.00 %; mean IoU 100.00 %");
    assert_eq!(
        told.after,
        "sky 100.00 %; mean IoU 25.00 %; 50.00 % of the pixels changed"
    );
    assert_eq!(told.truth.as_deref(), Some("sky 50.00 %, road 50.00 %"));
    let told = task.describe(&example(None));
    assert_eq!(told.before, "sky 50.00 %, road 50.00 %");
    assert_eq!(
        told.after,
        "sky 100.00 %; 50.00 % of the pixels changed, mean IoU of both maps 25.00 %"
    );
}

/// Lanes finish in any order, and the report of the same job is the same.
#[test]
fn the_most_telling_rows_are_kept_in_any_order_of_the_rows() {
    let data = dataset(&[Tiny::default().batch(6, 5, 1)]);
    let task = number();
    let changes = [
        (Kind::Same, 9.0),
        (Kind::Other, 0.1),
        (Kind::Wrong, 0.2),
        (Kind::Other, 0.3),
        (Kind::Other, f64::NAN),
        (Kind::Other, 0.3),
    ];
    let kept = |order: &[usize]| -> Vec<usize> {
        let changed = Changed::new(task.as_ref(), data.examples.as_ref(), 4);
        for &example in order {
            let (kind, divergence) = changes[example];
            let change = Change {
                kind,
                divergence,
                example,
            };
            let example = Example {
                before: Outputs::new(&[0.0], 1),
                after: Outputs::new(&[1.0], 1),
                truth: None,
                positions: &[],
            };
            changed.offer(change, example);
        }
        changed.rows().iter().map(|row| row.row).collect()
    };
    for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]] {
        assert_eq!(kept(&order), [3, 4, 6, 2]);
    }
}

/// Appends a text to each row of a table.
fn append(path: &Path, text: &str) {
    let table = fs::read_to_string(path).unwrap();
    let mut lines = table.lines();
    let mut changed = format!("{}\n", lines.next().unwrap());
    for line in lines {
        let (own, label) = line.split_once('\t').unwrap();
        changed.push_str(&format!("{own} {text}\t{label}\n"));
    }
    fs::write(path, changed).unwrap();
}

/// Prunes a tiny model on rows that end with this text. Returns the report and its page.
fn result(text: &str, rows: usize) -> (Report, String) {
    let folder = Folder::new(Tiny::default());
    append(&folder.evaluation(), text);
    let recipe = Recipe {
        report: Reporting { rows },
        ..folder.recipe(0.4)
    };
    let report = run(&folder.places("out"), &recipe, &NoJournal, &Unwatched).unwrap();
    let page = fs::read_to_string(folder.root.path().join("out/report.html")).unwrap();
    (report, page)
}

/// Data can contain anything.
#[test]
fn rows_of_the_data_are_cut_and_escaped_in_the_report() {
    let text = format!("<script>alert(1)</script>{}", "ü".repeat(400));
    let (report, page) = result(&text, 3);
    assert_eq!(report.changed_rows.len(), 3);
    for ChangedRow { input, truth, .. } in &report.changed_rows {
        let input = &input.as_ref().unwrap()[0];
        assert!(input.contains("<script>alert(1)</script>ü") && input.ends_with("ü…"));
        assert_eq!(input.chars().count(), 301);
        assert!(truth.as_ref().unwrap().starts_with("class "));
    }
    // Rows that became wrong are first, then other changed predictions, each by the divergence.
    let order = |row: &ChangedRow| {
        let class = |answer: &str| answer.split(" (").next().map(str::to_owned);
        let [before, after] = [&row.before, &row.after].map(|answer| class(answer));
        let wrong = before == row.truth && after != before;
        (wrong, before != after, row.divergence)
    };
    let sorted = report
        .changed_rows
        .is_sorted_by(|a, b| order(a) >= order(b));
    assert!(sorted, "{:?}", report.changed_rows);
    assert!(page.contains("Answers that changed"));
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"));
}

#[test]
fn a_report_shows_no_rows_if_none_are_wanted() {
    let (report, page) = result("unmistakable", 0);
    assert_eq!(report.changed_rows, []);
    assert!(!page.contains("Answers that changed") && !page.contains("unmistakable"));
}

#[test]
fn both_texts_of_a_pair_are_shown() {
    let folder = Folder::new(Tiny::default());
    for path in [folder.calibration(), folder.evaluation()] {
        let table = fs::read_to_string(&path).unwrap();
        let table = table.replacen("text\tlabel", "text\ttext_pair\tlabel", 1);
        fs::write(path, table.replace("\tclass", "\tthe second text\tclass")).unwrap();
    }
    let recipe = folder.recipe(0.4);
    let report = run(&folder.places("out"), &recipe, &NoJournal, &Unwatched).unwrap();
    let table = fs::read_to_string(folder.evaluation()).unwrap();
    for row in &report.changed_rows {
        let input = row.input.as_ref().unwrap();
        assert_eq!(input[1], "the second text");
        // The number is that of the row in the file.
        let line = table.lines().nth(row.row).unwrap();
        assert!(line.starts_with(&format!("{}\t", input[0])), "{line}");
    }
    assert!(!report.changed_rows.is_empty() && report.changed_rows.len() <= 5);
}
