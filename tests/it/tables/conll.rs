//! Tests of files in the format of the CoNLL tasks.

use optin::data::limits::Limits;
use optin::data::table::Table;
use optin::data::table::cell::Cell;
use optin::data::table::list::List;
use optin::prune::failure::{Code, Failure};

use super::{DataFolder, assert_rejected, cells, read};
use crate::fixture::refusal::assert_says;

/// Two sentences of CoNLL 2003, with a line between documents, a token `#`, and Windows line ends in the second one.
const TEXT: &str = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n# NN I-NP O\n\n\nPeter\tNNP\tB-NP\tB-PER\r\nBlack NNP I-NP I-PER\r\n";

fn list(items: &[&str]) -> Cell {
    items
        .iter()
        .map(|item| Some(*item))
        .collect::<List>()
        .into()
}

#[test]
fn each_sentence_is_a_row_of_lists() {
    let data = DataFolder::new();
    let table = read(&data.file("a.conll", TEXT)).unwrap();
    assert_eq!(table.names, ["tokens", "1", "2", "tags"]);
    let expected = [
        vec![
            list(&["EU", "#"]),
            list(&["NNP", "NN"]),
            list(&["B-NP", "I-NP"]),
            list(&["B-ORG", "O"]),
        ],
        vec![
            list(&["Peter", "Black"]),
            list(&["NNP", "NNP"]),
            list(&["B-NP", "I-NP"]),
            list(&["B-PER", "I-PER"]),
        ],
    ];
    assert_eq!(cells(&table), expected);
    assert!(
        table.place(1).ends_with("a.conll, line 7"),
        "{}",
        table.place(1)
    );
}

/// Comments of CoNLL-U come before a sentence. A sentence can begin with the token `#` as well.
#[test]
fn comments_are_left_out() {
    let data = DataFolder::new();
    let text = "# sent_id = 1\n# text = a\na X\nb Y\n\n# X\n1 Y\n\n# one\nc X\n";
    let table = read(&data.file("a.conll", text)).unwrap();
    let tokens: Vec<Cell> = cells(&table)
        .into_iter()
        .map(|mut row| row.remove(0))
        .collect();
    assert_eq!(
        tokens,
        [list(&["a", "b"]), list(&["#", "1"]), list(&["#", "c"])]
    );
}

#[test]
fn only_wanted_columns_are_read_and_names_may_be_numbers() {
    let data = DataFolder::new();
    let path = data.file("a.conll", TEXT);
    let wanted = |column: &str| column == "0" || column == "3";
    let table = Table::read(&path, false, &wanted, &Limits::default()).unwrap();
    assert_eq!(table.names, ["0", "1", "2", "3"]);
    let row = &cells(&table)[0];
    assert_eq!(row[0], list(&["EU", "#"]));
    assert_eq!(row[1], Cell::Nested("a list"));
    assert_eq!(row[3], list(&["B-ORG", "O"]));
}

#[test]
fn lines_of_other_lengths_and_long_sentences_are_rejected() {
    let data = DataFolder::new();
    let ragged = data.file("a.conll", "a X\nb\n");
    assert_rejected(&ragged, &["line 2", "1 columns", "the first one has 2"]);
    assert_rejected(
        &data.file("empty.conll", "\n\n-DOCSTART- O\n"),
        &["is empty"],
    );
    let limits = Limits {
        row_bytes: 20,
        ..Limits::default()
    };
    let long = data.file("long.conll", "a X\n\n".to_owned() + &"a X\n".repeat(7));
    let refused = Table::read(&long, true, &|_| true, &limits).unwrap_err();
    assert_says(
        &Failure::from(refused),
        Code::LimitExceeded,
        &["line 3", "21 bytes"],
    );
    let limits = Limits {
        fields: 9,
        ..Limits::default()
    };
    let many = data.file("many.conll", "a X\n".repeat(4));
    let refused = Table::read(&many, true, &|_| true, &limits).unwrap_err();
    assert_says(&Failure::from(refused), Code::LimitExceeded, &["9 fields"]);
}
