//! The label column. All rows are read in the same way: as class names, class indices or numbers.

use optin::answer::order::hint;
use optin::data::label::{self, LabelReading};
use optin::data::limits::Limits;
use optin::data::table::Table;
use optin::data::table::column::Column;
use optin::prune::failure::{Code, Failure};

use crate::fixture::refusal::assert_says;

/// Returns a table with these cells in column 1, and its rows.
fn table(cells: &[&str]) -> (Table, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tsv");
    std::fs::write(&path, format!("text\tlabel\nw\t{}\n", cells.join("\nw\t"))).unwrap();
    let table = Table::read(&path, true, &|_| true, &Limits::default()).unwrap();
    let rows: Vec<usize> = (0..table.rows.len()).collect();
    (table, rows)
}

fn column(
    cells: &[&str],
    labels: &[&str],
    wanted: Option<LabelReading>,
) -> Result<Vec<Option<usize>>, Failure> {
    let (table, rows) = table(cells);
    let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
    Ok(label::classes(
        Column::new(&table, &rows, 1),
        &labels,
        wanted,
    )?)
}

fn numbers(cells: &[&str]) -> Result<Vec<Option<f32>>, Failure> {
    let (table, rows) = table(cells);
    Ok(label::numbers(Column::new(&table, &rows, 1))?)
}

/// Returns the class index of each row, or `None` for a row without a label.
fn indices(cells: &[&str], labels: &[&str]) -> Vec<Option<usize>> {
    column(cells, labels, None).unwrap()
}

fn assert_rejected(cells: &[&str], labels: &[&str], words: &[&str]) {
    let failure = column(cells, labels, None).unwrap_err();
    assert_says(&failure, Code::InvalidData, words);
}

#[test]
fn labels_are_indices_if_they_do_not_match_numeric_class_names() {
    // id2label is {"0": "1", "1": "2"} and the labels are 0 and 1: "1" is the name of class 0, but "0" is not a name.
    assert_eq!(
        indices(&["0", "1", "1", "0"], &["1", "2"]),
        [0, 1, 1, 0].map(Some)
    );
    assert_eq!(indices(&["1", "2", "2"], &["1", "2"]), [0, 1, 1].map(Some));
}

#[test]
fn an_ambiguous_column_is_rejected_unless_the_mapping_decides() {
    assert_rejected(
        &["1", "1"],
        &["1", "2"],
        &[
            "name of class 0 (\"1\")",
            "index of class 1 (\"2\")",
            "mapping \"labels\" (--label-encoding) to \"names\" or \"indices\"",
        ],
    );
    let by = |reading| column(&["1"], &["1", "2"], Some(reading)).unwrap();
    assert_eq!(by(LabelReading::Names), [Some(0)]);
    assert_eq!(by(LabelReading::Indices), [Some(1)]);
    // A column is not ambiguous if both interpretations give the same classes.
    assert_eq!(indices(&["1", "0"], &["0", "1"]), [1, 0].map(Some));
}

#[test]
fn a_column_that_mixes_names_and_indices_is_rejected() {
    assert_rejected(
        &["neg", "pos", "1"],
        &["neg", "pos"],
        &["line 4", "\"1\" is not a label", "\"neg\", \"pos\""],
    );
    assert_rejected(
        &["0", "1", "1", "pos"],
        &["neg", "pos"],
        &["line 5", "\"pos\" is not a class index", "0 to 1"],
    );
}

#[test]
fn floats_without_a_fraction_are_indices() {
    assert_eq!(
        indices(&["0.0", "1.0", "2.0"], &["a", "b", "c"]),
        [0, 1, 2].map(Some)
    );
    assert_rejected(&["0.0", "0.5"], &["a", "b"], &["line 3", "\"0.5\""]);
}

#[test]
fn booleans_are_the_indices_of_two_classes() {
    assert_eq!(
        indices(&["true", "False", "TRUE"], &["ham", "spam"]),
        [1, 0, 1].map(Some)
    );
    // If a class has the name "true", the labels are names.
    assert_rejected(
        &["true", "false"],
        &["true", "other"],
        &["\"false\" is not a label"],
    );
    assert_eq!(
        indices(&["true", "false"], &["true", "false"]),
        [0, 1].map(Some)
    );
    assert_rejected(
        &["true", "false"],
        &["a", "b", "c"],
        &["\"true\" is not a label"],
    );
}

#[test]
fn rows_without_a_label_have_no_class() {
    assert_eq!(
        indices(&["1", "-1", "", "0", "-1.0"], &["a", "b"]),
        [Some(1), None, None, Some(0), None]
    );
    // If a class has the name "-1", the value is a label.
    assert_eq!(indices(&["-1", "1"], &["-1", "1"]), [0, 1].map(Some));
    for cells in [&["-1", "-1"][..], &["", ""]] {
        assert_rejected(
            cells,
            &["a", "b"],
            &["column \"label\"", "no label in any row"],
        );
        let refused = numbers(cells).unwrap_err();
        assert_says(&refused, Code::InvalidData, &["no label in any row"]);
    }
    let read = numbers(&["-1", "2.5", ""]).unwrap();
    assert_eq!(read, [Some(-1.0), Some(2.5), None]);
}

#[test]
fn a_name_of_several_classes_is_ambiguous() {
    assert_rejected(
        &["same"],
        &["same", "same"],
        &["\"same\" is ambiguous", "several classes"],
    );
    assert_rejected(&["b"], &["a", "a", "b", "b"], &["\"b\" is ambiguous"]);
    assert_rejected(&["c"], &["a", "a", "b"], &["\"c\" is not a label"]);
    assert_eq!(indices(&["1", "0"], &["same", "same"]), [1, 0].map(Some));
    // These names are equal if case is ignored, but different as written.
    assert_eq!(indices(&["A", "a"], &["A", "a"]), [0, 1].map(Some));
}

#[test]
fn labels_in_another_order_than_the_predictions_give_a_hint() {
    let labels = ["neg", "pos"].map(str::to_owned);
    let truth: Vec<usize> = (0..100).map(|row| row % 2).collect();
    let swapped: Vec<usize> = truth
        .iter()
        .enumerate()
        .map(|(row, class)| if row < 6 { *class } else { 1 - class })
        .collect();
    let text = hint(&labels, &truth, &swapped).unwrap();
    for word in [
        "0.060",
        "\"neg\" as \"pos\"",
        "\"pos\" as \"neg\"",
        "0.940",
        "id2label",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(hint(&labels, &truth, &truth), None);
    // With two equally frequent classes, an accuracy of one half is chance.
    let half: Vec<usize> = (0..100).map(|row| (row / 2) % 2).collect();
    assert_eq!(hint(&labels, &truth, &half), None);
    let three = ["a", "b", "c"].map(str::to_owned);
    let truth = vec![0; 100];
    let text = hint(&three, &truth, &[1; 100]).unwrap();
    assert!(
        text.contains("\"a\" as \"b\"") || text.contains("meaning of id2label"),
        "{text}"
    );
}
