//! Tests of fields that are lists, in JSON and Parquet.
//!
//! The files in `tests/goldens/tables` are written by pyarrow and by the `datasets` library.

use optin::data::label;
use optin::data::table::Table;
use optin::data::table::cell::Cell;
use optin::data::table::column::Column;
use optin::data::table::list::List;
use optin::prune::failure::{Code, Failure};
use parquet::data_type::{DataType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{DataFolder, cells, read, text};
use crate::fixture::refusal::assert_says;

/// A column of lists as current writers define it.
pub const CURRENT: &str =
    "OPTIONAL group a (LIST) { REPEATED group list { OPTIONAL INT64 element; } }";

/// Returns the definition and repetition levels of one row with a list of so many items, in a [`CURRENT`] column.
pub fn one_list(items: usize) -> Vec<(i16, i16)> {
    (0..items).map(|item| (3, i16::from(item > 0))).collect()
}

/// Writes a Parquet file with one column. `levels` has a definition and a repetition level for each value and null.
/// `features` becomes the metadata of the `datasets` library.
pub fn write_lists<T: DataType>(
    path: &Path,
    column: &str,
    levels: &[(i16, i16)],
    values: &[T::T],
    features: Option<serde_json::Value>,
) {
    let schema = parse_message_type(&format!("message schema {{ {column} }}")).unwrap();
    let metadata = features.map(|features| {
        let info = json!({"info": {"features": features}}).to_string();
        vec![KeyValue::new("huggingface".to_owned(), info)]
    });
    let properties = WriterProperties::builder()
        .set_key_value_metadata(metadata)
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer =
        SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let (definitions, repetitions): (Vec<i16>, Vec<i16>) = levels.iter().copied().unzip();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<T>()
        .write_batch(values, Some(&definitions), Some(&repetitions))
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

fn list<const N: usize>(items: [Option<&str>; N]) -> Cell {
    List::from_iter(items).into()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens/tables")
        .join(name)
}

#[test]
fn lists_of_every_json_form_are_read() {
    let data = DataFolder::new();
    let first = r#"{"words": ["a b", "", null], "tags": [1, -2.50, true], "none": null}"#;
    let second = r#"{"words": [], "tags": ["x"], "none": [null]}"#;
    for (name, content) in [
        ("a.jsonl", format!("{first}\n{second}\n")),
        ("a.json", format!("[{first}, {second}]")),
        ("around.json", format!("{{\"data\": [{first}, {second}]}}")),
        (
            "columns.json",
            r#"{"words": [["a b", "", null], []], "tags": [[1, -2.50, true], ["x"]], "none": [null, [null]]}"#
                .to_owned(),
        ),
        (
            "pandas.json",
            r#"{"words": {"0": ["a b", "", null], "1": []}, "tags": {"0": [1, -2.50, true], "1": ["x"]}, "none": {"0": null, "1": [null]}}"#
                .to_owned(),
        ),
    ] {
        let table = read(&data.file(name, content)).unwrap();
        assert_eq!(table.names, ["words", "tags", "none"], "{name}");
        assert_eq!(
            cells(&table),
            [
                [
                    list([Some("a b"), Some(""), None]),
                    list([Some("1"), Some("-2.5"), Some("true")]),
                    Cell::Null
                ],
                [list([]), list([Some("x")]), list([None])]
            ],
            "{name}"
        );
    }
}

#[test]
fn lists_of_lists_or_objects_are_not_read() {
    let data = DataFolder::new();
    let row = r#"{"a": [1, [2]], "b": [{"c": 1}], "d": [[]], "e": {"f": [1]}}"#;
    let table = read(&data.file("a.jsonl", row)).unwrap();
    let nested = Cell::Nested("a list of lists or objects");
    assert_eq!(
        cells(&table),
        [[
            nested.clone(),
            nested.clone(),
            nested,
            Cell::Nested("an object")
        ]]
    );
}

#[test]
fn a_list_in_a_delimited_file_is_a_text() {
    let data = DataFolder::new();
    let table = read(&data.file("a.csv", "words\n\"['a', 'b']\"\n")).unwrap();
    assert_eq!(cells(&table), [[text("['a', 'b']")]]);
}

#[test]
fn only_the_lists_of_the_chosen_columns_are_read() {
    let data = DataFolder::new();
    let json = data.file("a.jsonl", r#"{"a": [1], "b": [2]}"#);
    for path in [json, golden("datasets.parquet")] {
        let first = Table::read(&path, true, &|_| true, &Default::default()).unwrap();
        let chosen = first.names[1].as_str();
        let table = Table::read(&path, true, &|name| name == chosen, &Default::default()).unwrap();
        for (row, whole) in table.rows.iter().zip(&first.rows) {
            for (position, cell) in row.cells.iter().enumerate() {
                let whole = &whole.cells[position];
                let wanted = match whole {
                    Cell::List(_) if position != 1 => &Cell::Nested("a list"),
                    // In a column that is not read, a missing list cannot be told from another one.
                    Cell::Null => continue,
                    whole => whole,
                };
                assert_eq!(cell, wanted, "{}, column {position}", path.display());
            }
        }
    }
}

#[test]
fn messages_say_whether_a_text_or_a_list_is_required() {
    let data = DataFolder::new();
    let content = "{\"words\": [\"a\"], \"text\": \"b\"}\n{}\n";
    let table = read(&data.file("a.jsonl", content)).unwrap();
    let items: Vec<_> = table.list(0, 0).unwrap().iter().collect();
    assert_eq!(items, [Some("a")]);
    let says = |failure: Failure, words: &[&str]| assert_says(&failure, Code::InvalidData, words);
    says(
        table.text(0, 0).unwrap_err().into(),
        &["a.jsonl, line 1, column \"words\" contains a list, but a text is required"],
    );
    says(
        table.list(0, 1).unwrap_err().into(),
        &["line 1, column \"text\" contains \"b\", but a list is required"],
    );
    says(
        table.list(1, 0).unwrap_err().into(),
        &["line 2, column \"words\" contains null, but a list is required (1 of 2 rows have none)"],
    );
}

#[test]
fn a_list_is_no_single_label() {
    let data = DataFolder::new();
    let table = read(&data.file("a.jsonl", "{\"label\": [0]}\n")).unwrap();
    let failure = label::numbers(Column::new(&table, &[0], 0)).unwrap_err();
    assert_says(
        &failure.into(),
        Code::InvalidData,
        &["line 1, column \"label\" contains a list; a label must be a single name"],
    );
}

#[test]
fn the_items_of_a_list_are_counted_and_shown() {
    let list: List = [Some("a"), None, Some("")].into_iter().collect();
    assert_eq!(
        (list.len(), list.iter().len(), list.is_empty()),
        (3, 3, false)
    );
    assert_eq!(format!("{list:?}"), r#"[Some("a"), None, Some("")]"#);
    assert!(List::default().is_empty());
    assert_ne!(list, [Some("a"), Some(""), Some("")].into_iter().collect());
}

#[test]
fn a_field_takes_no_more_memory_than_a_text() {
    assert_eq!(size_of::<Cell>(), size_of::<String>());
}

#[test]
fn lists_that_pyarrow_writes_are_read() {
    let wanted = read(&golden("arrow.jsonl")).unwrap();
    let lengths: Vec<usize> = wanted
        .rows
        .iter()
        .filter_map(|row| Some(row.cells[0].list()?.len()))
        .collect();
    assert!(lengths.contains(&0) && lengths.contains(&40), "{lengths:?}");
    for name in ["plain", "pages", "pages_2", "values", "items"] {
        let found = read(&golden(&format!("arrow_{name}.parquet"))).unwrap();
        assert_eq!(found.names, wanted.names, "{name}");
        for (found, wanted) in found.rows.iter().zip(&wanted.rows) {
            assert_eq!(found, wanted, "{name}");
        }
        assert_eq!(found.rows.len(), wanted.rows.len(), "{name}");
    }
}

#[test]
fn lists_and_class_names_that_datasets_writes_are_read() {
    let wanted = read(&golden("datasets.jsonl")).unwrap();
    let found = read(&golden("datasets.parquet")).unwrap();
    assert_eq!(found.names, wanted.names);
    assert_eq!(cells(&found), cells(&wanted));
    let names = |column: &str| found.classes.get(column).map(|names| names.join(" "));
    assert_eq!(names("ner_tags").as_deref(), Some("O B-PER I-PER B-LOC"));
    assert_eq!(names("label").as_deref(), Some("neg pos"));
    assert_eq!(found.classes.len(), 2);
}

#[test]
fn class_names_of_lists_are_known_in_every_form_of_the_metadata() {
    let data = DataFolder::new();
    let path = data.0.path().join("a.parquet");
    let class = json!({"names": ["x", "y"], "_type": "ClassLabel"});
    for feature in [
        json!({"feature": class, "length": -1, "_type": "Sequence"}),
        json!({"feature": class, "_type": "List"}),
        json!({"feature": class, "_type": "LargeList"}),
        json!([class]),
        class.clone(),
    ] {
        write_lists::<Int64Type>(
            &path,
            CURRENT,
            &one_list(1),
            &[1],
            Some(json!({"a": feature})),
        );
        assert_eq!(read(&path).unwrap().classes["a"], ["x", "y"], "{feature}");
    }
    for other in [
        json!({"feature": {"dtype": "int64", "_type": "Value"}, "_type": "List"}),
        json!([]),
        json!({"feature": {"b": class}, "_type": "Sequence"}),
    ] {
        write_lists::<Int64Type>(
            &path,
            CURRENT,
            &one_list(1),
            &[1],
            Some(json!({"a": other})),
        );
        assert!(read(&path).unwrap().classes.is_empty(), "{other}");
    }
}

#[test]
fn lists_of_old_parquet_writers_are_read() {
    let data = DataFolder::new();
    let path = data.0.path().join("a.parquet");
    let items = list([Some("7"), Some("8")]);
    for (column, levels, wanted) in [
        (
            CURRENT,
            &[(0, 0), (1, 0), (2, 0), (3, 0), (3, 1)][..],
            &[Cell::Null, list([]), list([None]), items.clone()][..],
        ),
        (
            "OPTIONAL group a (LIST) { REPEATED INT64 array; }",
            &[(0, 0), (1, 0), (2, 0), (2, 1)],
            &[Cell::Null, list([]), items.clone()],
        ),
        (
            "REQUIRED group a (LIST) { REPEATED group bag { REQUIRED INT64 array_element; } }",
            &[(0, 0), (1, 0), (1, 1)],
            &[list([]), items.clone()],
        ),
        (
            "REPEATED INT64 a;",
            &[(0, 0), (1, 0), (1, 1)],
            &[list([]), items],
        ),
    ] {
        write_lists::<Int64Type>(&path, column, levels, &[7, 8], None);
        assert_eq!(cells(&read(&path).unwrap()).concat(), wanted, "{column}");
    }
}

#[test]
fn parquet_columns_that_are_no_lists_of_single_values_are_not_read() {
    let data = DataFolder::new();
    let path = data.0.path().join("a.parquet");
    let objects = "a list of lists or objects";
    for (column, levels, wanted) in [
        // In these two, the repeated group is an object with the key b.
        (
            "OPTIONAL group a (LIST) { REPEATED group array { OPTIONAL INT64 b; } }",
            (3, 0),
            objects,
        ),
        (
            "OPTIONAL group a (LIST) { REPEATED group a_tuple { OPTIONAL INT64 b; } }",
            (3, 0),
            objects,
        ),
        ("REPEATED group a { OPTIONAL INT64 b; }", (2, 0), objects),
        (
            "OPTIONAL group a (LIST) { REPEATED group list { REPEATED INT64 element; } }",
            (3, 0),
            objects,
        ),
        (
            "OPTIONAL group a { OPTIONAL INT64 b; }",
            (2, 0),
            "a nested value",
        ),
        (
            "OPTIONAL group a { REPEATED INT64 b; }",
            (2, 0),
            "a nested value",
        ),
    ] {
        write_lists::<Int64Type>(&path, column, &[levels], &[7], None);
        let table = read(&path).unwrap();
        assert_eq!(cells(&table), [[Cell::Nested(wanted)]], "{column}");
    }
}
