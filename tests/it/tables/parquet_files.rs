//! Tests of Parquet files: compression, class names, and damage.

use optin::data::table::cell::Cell;
use optin::data::table::column::Column;
use optin::data::table::list::List;
use optin::prune::failure::Code;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::path::Path;
use std::sync::Arc;

use super::{DataFolder, cells, read, text};

/// Writes a Parquet file with a text, a label and a list, as datasets on the Hugging Face Hub have them. The list of the
/// first row has two items, and the other rows have no list.
pub fn parquet(
    path: &Path,
    rows: &[(Option<&str>, i64)],
    compression: Compression,
    classes: Option<&str>,
) {
    let schema = "message schema {
        OPTIONAL BINARY text (UTF8);
        REQUIRED INT64 label;
        OPTIONAL group tags (LIST) { REPEATED group list { OPTIONAL BINARY element (UTF8); } }
    }";
    let metadata = classes.map(|names| {
        let info = format!(r#"{{"info": {{"features": {{"label": {{"names": {names}, "_type": "ClassLabel"}}}}}}}}"#);
        vec![KeyValue::new("huggingface".to_owned(), info)]
    });
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_key_value_metadata(metadata)
        .build();
    let file = std::fs::File::create(path).unwrap();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts: Vec<ByteArray> = rows
        .iter()
        .filter_map(|(text, _)| text.map(ByteArray::from))
        .collect();
    let present: Vec<i16> = rows
        .iter()
        .map(|(text, _)| i16::from(text.is_some()))
        .collect();
    let labels: Vec<i64> = rows.iter().map(|(_, label)| *label).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<ByteArrayType>()
        .write_batch(&texts, Some(&present), None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int64Type>()
        .write_batch(&labels, None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let mut definitions = vec![0; rows.len() + 1];
    definitions[..2].fill(3);
    let mut repetitions = vec![0; rows.len() + 1];
    repetitions[1] = 1;
    let tags = ["x", "y"].map(ByteArray::from);
    column
        .typed::<ByteArrayType>()
        .write_batch(&tags, Some(&definitions), Some(&repetitions))
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet_files_with_any_codec_are_read() {
    let data = DataFolder::new();
    let path = data.0.path().join("a.parquet");
    for codec in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
        Compression::LZ4_RAW,
    ] {
        parquet(
            &path,
            &[(Some("a b"), 0), (None, -1), (Some("c"), 1)],
            codec,
            None,
        );
        let table = read(&path).unwrap();
        assert_eq!(table.names, ["text", "label", "tags"]);
        let tags = Cell::from(List::from_iter([Some("x"), Some("y")]));
        assert_eq!(
            cells(&table),
            [
                [text("a b"), text("0"), tags],
                [Cell::Null, text("-1"), Cell::Null],
                [text("c"), text("1"), Cell::Null]
            ],
            "{codec}"
        );
        assert!(table.classes.is_empty());
        assert!(
            table.place(1).ends_with("a.parquet, row 2"),
            "{}",
            table.place(1)
        );
    }
}

#[test]
fn class_names_in_the_parquet_metadata_determine_the_label_mapping() {
    use optin::data::label::classes;
    let data = DataFolder::new();
    let path = data.0.path().join("a.parquet");
    let rows = [(Some("a"), 0), (Some("b"), 1)];
    let read_as = |names: &str, model: [&str; 2]| -> Vec<Option<usize>> {
        parquet(&path, &rows, Compression::SNAPPY, Some(names));
        let table = read(&path).unwrap();
        classes(
            Column::new(&table, &[0, 1], 1),
            &model.map(str::to_owned),
            None,
        )
        .unwrap()
    };
    let class = Some;
    assert_eq!(
        read_as(r#"["neg", "pos"]"#, ["pos", "neg"]),
        [class(1), class(0)]
    );
    assert_eq!(
        read_as(r#"["neg", "pos"]"#, ["NEG", "POS"]),
        [class(0), class(1)]
    );
    // Class names that do not match the labels of the model have no effect.
    assert_eq!(
        read_as(r#"["neg", "pos"]"#, ["LABEL_0", "LABEL_1"]),
        [class(0), class(1)]
    );
}

#[test]
fn damaged_parquet_files_never_panic() {
    let data = DataFolder::new();
    let path = data.0.path().join("a.parquet");
    parquet(
        &path,
        &[(Some("a b"), 0), (Some("c"), 1)],
        Compression::SNAPPY,
        None,
    );
    let whole = std::fs::read(&path).unwrap();
    let mut rejections = 0;
    for at in 0..whole.len() {
        for change in [0x01, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= change;
            std::fs::write(&path, bytes).unwrap();
            if let Err(failure) = read(&path) {
                rejections += 1;
                assert!(
                    matches!(failure.code, Code::InvalidData | Code::LimitExceeded),
                    "{failure:?}"
                );
            }
        }
        std::fs::write(&path, &whole[..at]).unwrap();
        assert!(read(&path).is_err(), "truncated at {at}");
    }
    assert!(rejections > 100, "{rejections}");
}
