//! The label column: one way of reading it for all rows.

use optin::checkpoint::config::Problem;
use optin::data::label::{Label, LabelReading, read};
use optin::data::limits::Limits;
use optin::data::table::Table;
use optin::prune::failure::{Code, Failure};
use optin::prune::verify::order::hint;

use crate::fixture::refusal::assert_says;

fn classes(labels: &[&str]) -> Problem {
    Problem::Classification {
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
    }
}

fn column(
    cells: &[&str],
    problem: &Problem,
    wanted: Option<LabelReading>,
) -> Result<Vec<Option<Label>>, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tsv");
    std::fs::write(&path, format!("text\tlabel\nw\t{}\n", cells.join("\nw\t"))).unwrap();
    let table = Table::read(&path, true, &Limits::default()).unwrap();
    let rows: Vec<usize> = (0..table.rows.len()).collect();
    Ok(read(&table, &rows, 1, problem, wanted)?)
}

/// Indices of the classes; `None` for a row without label.
fn indices(cells: &[&str], labels: &[&str]) -> Vec<Option<usize>> {
    let read = column(cells, &classes(labels), None).unwrap().into_iter();
    read.map(|label| match label {
        Some(Label::Class(class)) => Some(class),
        _ => None,
    })
    .collect()
}

fn refused(cells: &[&str], labels: &[&str], words: &[&str]) {
    let failure = column(cells, &classes(labels), None).unwrap_err();
    assert_says(&failure, Code::InvalidData, words);
}

#[test]
fn names_that_are_numbers_are_read_by_index_where_the_names_do_not_fit() {
    // id2label {"0": "1", "1": "2"} and labels 0 and 1: "1" is the name of class 0, but "0" is no name.
    assert_eq!(
        indices(&["0", "1", "1", "0"], &["1", "2"]),
        [0, 1, 1, 0].map(Some)
    );
    assert_eq!(indices(&["1", "2", "2"], &["1", "2"]), [0, 1, 1].map(Some));
}

#[test]
fn a_column_that_fits_both_readings_is_refused() {
    refused(
        &["1", "1"],
        &["1", "2"],
        &[
            "name of class 0 (\"1\")",
            "index of class 1 (\"2\")",
            "mapping \"labels\" (--labels) to \"names\" or \"indices\"",
        ],
    );
    let by = |reading| column(&["1"], &classes(&["1", "2"]), Some(reading)).unwrap();
    assert_eq!(by(LabelReading::Names), [Some(Label::Class(0))]);
    assert_eq!(by(LabelReading::Indices), [Some(Label::Class(1))]);
    // Both readings give the same.
    assert_eq!(indices(&["1", "0"], &["0", "1"]), [1, 0].map(Some));
}

#[test]
fn a_column_of_names_and_indices_is_refused() {
    refused(
        &["neg", "pos", "1"],
        &["neg", "pos"],
        &["line 4", "\"1\" is not a label", "\"neg\", \"pos\""],
    );
    refused(
        &["0", "1", "1", "pos"],
        &["neg", "pos"],
        &["line 5", "\"pos\" is not a class index", "0 to 1"],
    );
}

#[test]
fn whole_floats_are_indices() {
    assert_eq!(
        indices(&["0.0", "1.0", "2.0"], &["a", "b", "c"]),
        [0, 1, 2].map(Some)
    );
    refused(&["0.0", "0.5"], &["a", "b"], &["line 3", "\"0.5\""]);
}

#[test]
fn booleans_are_one_and_zero_of_two_classes() {
    assert_eq!(
        indices(&["true", "False", "TRUE"], &["ham", "spam"]),
        [1, 0, 1].map(Some)
    );
    // A class of that name is meant by its name.
    refused(
        &["true", "false"],
        &["true", "other"],
        &["\"false\" is not a label"],
    );
    assert_eq!(
        indices(&["true", "false"], &["true", "false"]),
        [0, 1].map(Some)
    );
    refused(
        &["true", "false"],
        &["a", "b", "c"],
        &["\"true\" is not a label"],
    );
}

#[test]
fn rows_without_a_label_are_none() {
    assert_eq!(
        indices(&["1", "-1", "", "0", "-1.0"], &["a", "b"]),
        [Some(1), None, None, Some(0), None]
    );
    // A class of that name is one.
    assert_eq!(indices(&["-1", "1"], &["-1", "1"]), [0, 1].map(Some));
    for cells in [&["-1", "-1"][..], &["", ""]] {
        refused(
            cells,
            &["a", "b"],
            &["column \"label\"", "no label in any row"],
        );
        let numbers = column(cells, &Problem::Regression, None).unwrap_err();
        assert_says(&numbers, Code::InvalidData, &["no label in any row"]);
    }
    let numbers = column(&["-1", "2.5", ""], &Problem::Regression, None).unwrap();
    assert_eq!(
        numbers,
        [Some(Label::Value(-1.0)), Some(Label::Value(2.5)), None]
    );
}

#[test]
fn names_that_two_classes_share() {
    refused(
        &["same"],
        &["same", "same"],
        &["\"same\" is ambiguous", "several classes"],
    );
    refused(&["b"], &["a", "a", "b", "b"], &["\"b\" is ambiguous"]);
    refused(&["c"], &["a", "a", "b"], &["\"c\" is not a label"]);
    assert_eq!(indices(&["1", "0"], &["same", "same"]), [1, 0].map(Some));
    // Without regard to case they cannot be told apart, as written they can.
    assert_eq!(indices(&["A", "a"], &["A", "a"]), [0, 1].map(Some));
}

#[test]
fn answers_in_another_order_get_a_hint() {
    let labels = ["neg", "pos"].map(str::to_owned);
    let truth: Vec<usize> = (0..100).map(|row| row % 2).collect();
    let swapped: Vec<usize> = truth
        .iter()
        .enumerate()
        .map(|(row, class)| if row < 6 { *class } else { 1 - class })
        .collect();
    let said = hint(&labels, &truth, &swapped).unwrap();
    for word in [
        "0.060",
        "\"neg\" as \"pos\"",
        "\"pos\" as \"neg\"",
        "0.940",
        "id2label",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(hint(&labels, &truth, &truth), None);
    // Half right of two equal classes is chance.
    let half: Vec<usize> = (0..100).map(|row| (row / 2) % 2).collect();
    assert_eq!(hint(&labels, &truth, &half), None);
    let three = ["a", "b", "c"].map(str::to_owned);
    let truth = vec![0; 100];
    let said = hint(&three, &truth, &[1; 100]).unwrap();
    assert!(
        said.contains("\"a\" as \"b\"") || said.contains("meaning of id2label"),
        "{said}"
    );
}
