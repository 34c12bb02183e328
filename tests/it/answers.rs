//! Tasks: the quadratic form of each divergence, true answers in tables, and metrics with known values.

use std::path::PathBuf;

use optin::answer::TASKS;
use optin::answer::metric::{Records, ratio};
use optin::answer::spans::{Span, Tag, spans};
use optin::answer::task::{Answer, Divergence, Form, Outputs};
use optin::data::limits::Limits;
use optin::data::table::Table;
use optin::data::table::column::Column;
use optin::data::truth::Truth;
use optin::prune::failure::{Code, Failure};
use optin::statistics::{mean, standard_error};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

use crate::fixture::refusal::assert_says;
use crate::fixture::task::task;

/// Returns a configuration of every task with this number of labels.
fn every_task(labels: usize) -> Vec<Value> {
    vec![
        json!({"num_labels": labels}),
        json!({"num_labels": 1, "problem_type": "regression"}),
        json!({"num_labels": labels, "problem_type": "regression"}),
        json!({"num_labels": labels, "problem_type": "multi_label_classification"}),
        json!({"num_labels": labels, "architectures": ["BertForTokenClassification"]}),
        json!({"num_labels": 2, "architectures": ["BertForQuestionAnswering"]}),
        json!({"num_labels": labels, "architectures": ["Mask2FormerForUniversalSegmentation"]}),
        json!({"num_labels": labels, "architectures": ["SentenceTransformer"]}),
        json!({"num_labels": labels, "architectures": ["BertModel"]}),
    ]
}

#[test]
fn every_task_is_chosen_by_its_configuration() {
    let chosen = every_task(3)
        .into_iter()
        .map(|config| task(config).task().name);
    let names: Vec<&str> = TASKS.iter().map(|task| task.name).collect();
    assert_eq!(chosen.collect::<Vec<_>>(), names);
}

/// Near the original answers, the divergence is the scaled sum of the squares along the directions.
#[test]
fn directions_are_the_quadratic_form_of_the_divergence() {
    // With 40 labels the directions are random, and with several positions their signs are.
    for (labels, positions) in [(3, 1), (3, 7), (40, 1), (40, 4)] {
        for config in every_task(labels) {
            let task = task(config.clone());
            let channels = config["num_labels"].as_u64().unwrap() as usize;
            let positions = match task.task().head("text").class {
                "ForTokenClassification" | "ForUniversalSegmentation" | "Model" => positions,
                // A single position has the whole probability.
                "ForQuestionAnswering" => positions + 5,
                _ => 1,
            };
            assert_is_the_form(task.as_ref(), task.task().name, [channels, positions]);
            let mut random = ChaCha8Rng::seed_from_u64(2);
            let mut draw = || {
                (0..channels)
                    .map(|_| random.random_range(-1.0f32..1.0))
                    .collect()
            };
            let others: Vec<Vec<f32>> = (0..5).map(|_| draw()).collect();
            let others: Vec<Outputs<'_>> = others.iter().map(|one| Outputs::new(one, 1)).collect();
            if let Some(among) = task.among(&others) {
                assert_is_the_form(among.as_ref(), "among others", [channels, positions]);
            }
            if let Some(parts) = task.parts() {
                // The class of no object, and a mask of 11 pixels.
                assert_is_the_form(parts.as_ref(), "parts", [channels + 1 + 11, positions]);
            }
        }
    }
}

fn assert_is_the_form(task: &dyn Divergence, name: &str, [channels, positions]: [usize; 2]) {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draw = |size: f32| -> Vec<f32> {
        let values = 0..channels * positions;
        values.map(|_| random.random_range(-size..size)).collect()
    };
    let (original, change) = (draw(2.0), draw(0.02));
    let changed = original.iter().zip(&change).map(|(a, b)| a + b);
    let changed: Vec<f32> = changed.collect();
    let outputs = |values| Outputs::new(values, positions);
    for temperature in [1.0, 4.0] {
        let of_seed = |seed| {
            let form = Form { temperature, seed };
            let directions = task.directions(outputs(&original), 3, form);
            let scale = task.scale(directions.len(), positions);
            let along = directions.iter().map(|direction| {
                let along = direction.iter().zip(&change);
                along.map(|(a, b)| f64::from(a * b)).sum::<f64>().powi(2)
            });
            scale * along.sum::<f64>()
        };
        let forms: Vec<f64> = (0..400).map(of_seed).collect();
        let form = mean(&forms);
        let divergence = task.divergence(outputs(&original), outputs(&changed), temperature);
        assert!(
            (form / divergence - 1.0).abs() < 0.1,
            "{name} with {channels} channels and {positions} positions: {form}, expected {divergence}"
        );
    }
}

/// A query whose probability of an object is a half: the divergence of its class, and half of that of its mask.
#[test]
fn the_parts_of_a_segmentation_are_the_classes_and_masks_of_queries() {
    let parts =
        task(json!({"num_labels": 2, "architectures": ["Mask2FormerForUniversalSegmentation"]}));
    let parts = parts.parts().unwrap();
    let half = 0.5f32.ln();
    let quarter = 0.25f32.ln();
    let original = [quarter, quarter, half, 0.0, 0.0];
    let divergence = |changed: [f32; 5]| {
        parts.divergence(Outputs::new(&original, 1), Outputs::new(&changed, 1), 1.0)
    };
    assert_eq!(divergence(original), 0.0);
    // The class changes to probabilities of a third each.
    let expected = 2.0 * 0.25 * (0.25f64 * 3.0).ln() + 0.5 * (0.5f64 * 3.0).ln();
    let found = divergence([0.0, 0.0, 0.0, 0.0, 0.0]);
    assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
    // One of the two pixels of the mask changes from a half to 0.2.
    let of_pixel = 0.5 * (0.5f64 / 0.2).ln() + 0.5 * (0.5f64 / 0.8).ln();
    let found = divergence([quarter, quarter, half, 0.25f32.ln(), 0.0]);
    let expected = 0.5 * of_pixel / 2.0;
    assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
}

fn found(labels: &[&'static str]) -> Vec<Span<'static>> {
    let tags = labels.iter().map(|label| Tag::parse(label).unwrap());
    spans(&tags.collect::<Vec<_>>())
}

#[test]
fn entities_are_read_from_all_schemes_of_prefixes() {
    for (labels, expected) in [
        (&["O", "O"][..], &[][..]),
        (
            &["B-PER", "I-PER", "O", "B-LOC"],
            &[("PER", 0, 1), ("LOC", 3, 3)],
        ),
        // Two entities of the same type side by side.
        (&["B-PER", "B-PER"], &[("PER", 0, 0), ("PER", 1, 1)]),
        // IOB1 begins an entity with I.
        (
            &["I-PER", "I-PER", "O", "I-LOC"],
            &[("PER", 0, 1), ("LOC", 3, 3)],
        ),
        // Another type begins another entity.
        (&["B-PER", "I-LOC"], &[("PER", 0, 0), ("LOC", 1, 1)]),
        (
            &["B-PER", "E-PER", "S-LOC", "I-LOC"],
            &[("PER", 0, 1), ("LOC", 2, 2), ("LOC", 3, 3)],
        ),
        // A type may contain a hyphen.
        (&["B-WORK-OF-ART"], &[("WORK-OF-ART", 0, 0)]),
    ] {
        assert_eq!(found(labels), expected, "{labels:?}");
    }
    assert_eq!(Tag::parse("NOUN"), None);
    assert_eq!(Tag::parse("X-PER"), None);
}

/// Returns answers in which the given classes have the largest logits.
fn answers(classes: &[usize], labels: usize) -> Vec<f32> {
    let logits = classes
        .iter()
        .flat_map(|&class| (0..labels).map(move |label| if label == class { 2.0 } else { -1.0 }));
    logits.collect()
}

#[test]
fn the_f1_score_of_entities_counts_exact_spans() {
    let names = ["O", "B-PER", "I-PER", "B-LOC"];
    let id2label: serde_json::Map<_, _> = (0..4)
        .map(|index| (index.to_string(), json!(names[index])))
        .collect();
    let tokens =
        task(json!({"id2label": id2label, "architectures": ["BertForTokenClassification"]}));
    // Positions with -100 are ignored. The first example has one of two entities right, the second has none.
    let truths = [
        Truth::Numbers(vec![-100.0, 1.0, 2.0, -100.0, 0.0, 3.0]),
        Truth::Numbers(vec![0.0, 1.0]),
    ];
    let predicted = [vec![3, 1, 2, 3, 0, 1], vec![0, 0]];
    let records = truths.iter().zip(&predicted).map(|(truth, classes)| {
        let values = answers(classes, 4);
        let outputs = Outputs::new(&values, classes.len());
        tokens.record(outputs, truth)
    });
    let records: Vec<Vec<f64>> = records.collect();
    let truths: Vec<&Truth> = truths.iter().collect();
    let metrics = tokens.metrics(
        &truths,
        Records {
            before: &records,
            after: &records,
            bare: None,
        },
    );
    let named: Vec<(&str, f64)> = metrics
        .iter()
        .map(|metric| (metric.name.as_str(), metric.after.value))
        .collect();
    // Of three true and two predicted entities one is right: 2 * 1 / (3 + 2). Of six labels four are right.
    assert_eq!(named[0].0, "entity_f1");
    assert!((named[0].1 - 0.4).abs() < 1e-12, "{named:?}");
    assert_eq!(named[1].0, "token_accuracy");
    assert!((named[1].1 - 4.0 / 6.0).abs() < 1e-12, "{named:?}");
    // The most frequent labels are O and B-PER, with two of six.
    assert_eq!(metrics[1].constant, Some(2.0 / 6.0));
    assert_eq!(metrics[0].difference_error, 0.0);
}

#[test]
fn labels_without_prefixes_have_no_entities() {
    let tags = task(json!({
        "id2label": {"0": "NOUN", "1": "VERB"},
        "architectures": ["BertForTokenClassification"],
    }));
    let truth = Truth::Numbers(vec![0.0, 1.0]);
    let values = answers(&[0, 0], 2);
    let outputs = Outputs::new(&values, 2);
    let records = [tags.record(outputs, &truth)];
    let records = Records {
        before: &records,
        after: &records,
        bare: None,
    };
    let metrics = tags.metrics(&[&truth], records);
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names, ["token_accuracy"]);
    assert_eq!(metrics[0].after.value, 0.5);
}

#[test]
fn the_f1_scores_of_labels_are_those_of_scikit_learn() {
    let labels = task(json!({"num_labels": 3, "problem_type": "multi_label_classification"}));
    let rows = [
        ([1.0, 0.0, 0.0], [2.0f32, 1.0, -1.0]),
        ([1.0, 1.0, 0.0], [2.0, -1.0, -1.0]),
        ([0.0, 1.0, 0.0], [-2.0, 1.0, -1.0]),
    ];
    let truths: Vec<Truth> = rows
        .iter()
        .map(|(truth, _)| Truth::Numbers(truth.to_vec()))
        .collect();
    let records = rows.iter().zip(&truths).map(|((_, values), truth)| {
        let outputs = Outputs::new(values, 1);
        labels.record(outputs, truth)
    });
    let records: Vec<Vec<f64>> = records.collect();
    let metrics = labels.metrics(
        &truths.iter().collect::<Vec<_>>(),
        Records {
            before: &records,
            after: &records,
            bare: None,
        },
    );
    // f1_score(.., average=None) is [1, 0.5, 0]; average="micro" has 3 right of 4 predicted and 4 true labels.
    assert_eq!(metrics[0].name, "micro_f1");
    assert!((metrics[0].after.value - 0.75).abs() < 1e-12);
    assert_eq!(metrics[1].name, "macro_f1");
    assert!((metrics[1].after.value - 0.5).abs() < 1e-12);
}

/// The delta method agrees with a resampling of the examples.
#[test]
fn the_standard_error_of_a_ratio_agrees_with_resampling() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let parts: Vec<(f64, f64)> = (0..400)
        .map(|_| {
            let whole: f64 = random.random_range(1.0..6.0);
            (whole * random.random_range(0.2..1.0), whole)
        })
        .collect();
    let of = |rows: &[usize]| {
        let sums = rows.iter().map(|&row| parts[row]);
        let (part, whole) = sums.fold((0.0, 0.0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
        part / whole
    };
    let all: Vec<usize> = (0..parts.len()).collect();
    let contributions = ratio(&parts);
    assert!((mean(&contributions) - of(&all)).abs() < 1e-12);
    let resampled: Vec<f64> = (0..2_000)
        .map(|_| {
            let rows = all.iter().map(|_| random.random_range(0..parts.len()));
            of(&rows.collect::<Vec<_>>())
        })
        .collect();
    let expected = optin::statistics::deviation(&resampled);
    let ours = standard_error(&contributions);
    assert!((ours / expected - 1.0).abs() < 0.1, "{ours} {expected}");
    assert_eq!(ratio(&[(0.0, 0.0), (0.0, 0.0)]), [0.0, 0.0]);
}

/// Returns the truths of a column `y` of JSON lines.
fn truths(task: &dyn Answer, lines: &[Value]) -> Result<Vec<Option<Truth>>, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("a.jsonl");
    let lines: Vec<String> = lines.iter().map(|y| json!({"y": y}).to_string()).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let table = Table::read(&path, true, &|_| true, &Limits::default()).unwrap();
    let rows: Vec<usize> = (0..lines.len()).collect();
    Ok(task.read(Column::new(&table, &rows, 0), None)?)
}

#[test]
fn sets_of_labels_are_lists_of_names_or_indices_or_flags() {
    let labels = task(json!({
        "id2label": {"0": "a", "1": "b", "2": "c"},
        "problem_type": "multi_label_classification",
    }));
    let expected = [
        Some(Truth::Numbers(vec![1.0, 0.0, 1.0])),
        Some(Truth::Numbers(vec![0.0, 0.0, 0.0])),
        None,
    ];
    for lines in [
        [json!(["c", "a"]), json!([]), Value::Null],
        [json!([2, 0]), json!([]), Value::Null],
        [json!([1, 0, 1]), json!([0, 0, 0]), Value::Null],
        [json!([1.0, 0.0, 1.0]), json!([0.0, 0.0, 0.0]), Value::Null],
        [
            json!([true, false, true]),
            json!([false, false, false]),
            Value::Null,
        ],
    ] {
        assert_eq!(
            truths(labels.as_ref(), &lines).unwrap(),
            expected,
            "{lines:?}"
        );
    }
    let unknown = truths(labels.as_ref(), &[json!(["a"]), json!(["d"])]).unwrap_err();
    assert_says(
        &unknown,
        Code::InvalidData,
        &["line 2", "\"d\"", "\"a\", \"b\", \"c\""],
    );
    let text = truths(labels.as_ref(), &[json!("a")]).unwrap_err();
    assert_says(
        &text,
        Code::InvalidData,
        &["line 1", "\"y\"", "a list is required"],
    );
    let none = truths(labels.as_ref(), &[Value::Null]).unwrap_err();
    assert_says(&none, Code::InvalidData, &["no label in any row"]);
}

#[test]
fn labels_of_words_are_names_or_indices_and_may_be_ignored() {
    let tokens = task(json!({
        "id2label": {"0": "O", "1": "B-X"},
        "architectures": ["BertForTokenClassification"],
    }));
    let expected = [Some(Truth::Numbers(vec![0.0, 1.0, -100.0]))];
    for line in [
        json!(["O", "B-X", null]),
        json!(["O", "B-X", -100]),
        json!([0, 1, -100]),
    ] {
        assert_eq!(truths(tokens.as_ref(), &[line]).unwrap(), expected);
    }
    // A word of two tokens, then a special token, a word that was cut away, and a word of one token.
    let aligned = tokens.align(
        Truth::Numbers(vec![1.0, 0.0, 1.0]),
        &[None, Some(0), Some(0), Some(2), None],
    );
    assert_eq!(
        aligned,
        Truth::Numbers(vec![-100.0, 1.0, -100.0, 1.0, -100.0])
    );
}

#[test]
fn several_numbers_are_lists_and_their_rank_correlations_are_averaged() {
    let numbers = task(json!({"num_labels": 2, "problem_type": "regression"}));
    assert_eq!(
        truths(numbers.as_ref(), &[json!([1.5, -2]), Value::Null]).unwrap(),
        [Some(Truth::Numbers(vec![1.5, -2.0])), None]
    );
    for wrong in [json!([1.5]), json!([1.5, "a"]), json!([1.5, null])] {
        let failure = truths(numbers.as_ref(), &[json!([0, 0]), wrong]).unwrap_err();
        assert_says(
            &failure,
            Code::InvalidData,
            &["line 2", "\"y\"", "2 numbers per row"],
        );
    }
    // The first number has the order of the truth, the second one the reverse order.
    let records: Vec<Vec<f64>> = [1.0, 2.0, 3.0]
        .iter()
        .map(|&truth| {
            let values = [truth * truth, -truth].map(|value: f64| value as f32);
            let outputs = Outputs::new(&values, 1);
            numbers.record(outputs, &Truth::Numbers(vec![truth as f32, truth as f32]))
        })
        .collect();
    let records = Records {
        before: &records,
        after: &records,
        bare: None,
    };
    let metrics = numbers.metrics(&[], records);
    assert_eq!(metrics[0].name, "mean_spearman");
    assert!(metrics[0].after.value.abs() < 1e-12);
}
