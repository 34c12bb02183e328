//! Images in Parquet tables, as the hub stores them.

use std::path::Path;
use std::sync::Arc;

use optin::prune::failure::Code;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::setup::{Setup, levels, truths};
use crate::fixture::pictures::png;
use crate::fixture::refusal::assert_says;

/// Writes a table with these images and labels in row groups of two rows. `None` is an image without bytes.
pub fn write(
    path: &Path,
    schema: &str,
    images: &[Option<Vec<u8>>],
    labels: &[i64],
    names: Option<&str>,
) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let metadata =
        names.map(|names| vec![KeyValue::new("huggingface".to_owned(), names.to_owned())]);
    let properties = WriterProperties::builder()
        .set_key_value_metadata(metadata)
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema.clone(), Arc::new(properties)).unwrap();
    let nested = schema.get_fields()[0].is_group();
    for (images, labels) in images.chunks(2).zip(labels.chunks(2)) {
        let mut group = writer.next_row_group().unwrap();
        let mut leaf = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            let is_path = nested && leaf == 1;
            let is_label = leaf == if nested { 2 } else { 1 };
            let levels: Vec<i16> = match (nested, is_path) {
                (true, true) => vec![2; images.len()],
                (true, false) => images
                    .iter()
                    .map(|image| if image.is_some() { 2 } else { 1 })
                    .collect(),
                (false, _) => images
                    .iter()
                    .map(|image| i16::from(image.is_some()))
                    .collect(),
            };
            if is_label {
                let typed = column.typed::<Int64Type>();
                typed
                    .write_batch(labels, Some(&vec![1; labels.len()]), None)
                    .unwrap();
            } else {
                let values: Vec<ByteArray> = match is_path {
                    true => images.iter().map(|_| ByteArray::from("a.png")).collect(),
                    false => images
                        .iter()
                        .flatten()
                        .map(|image| ByteArray::from(image.clone()))
                        .collect(),
                };
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&values, Some(&levels), None)
                    .unwrap();
            }
            column.close().unwrap();
            leaf += 1;
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

const NESTED: &str = "message m { OPTIONAL GROUP image { OPTIONAL BYTE_ARRAY bytes; OPTIONAL BYTE_ARRAY path (UTF8); } OPTIONAL INT64 label; }";
const FLAT: &str = "message m { OPTIONAL BYTE_ARRAY img; OPTIONAL INT64 label; }";

fn images(levels: &[u8]) -> Vec<Option<Vec<u8>>> {
    levels.iter().map(|&level| Some(png(level))).collect()
}

#[test]
fn images_of_parquet_tables_are_read() {
    let setup = Setup::new();
    for (name, schema, column) in [("a.parquet", NESTED, "image"), ("b.parquet", FLAT, "img")] {
        let path = setup.path(name);
        write(
            &path,
            schema,
            &images(&[10, 20, 30, 40, 50]),
            &[0, 1, 2, -1, 1],
            None,
        );
        let data = setup.evaluation(&path).unwrap();
        assert_eq!(
            (levels(&data), truths(&data)),
            (vec![10, 20, 30, 50], vec![0, 1, 2, 1]),
            "{name}"
        );
        assert_eq!(
            (data.unlabelled, data.mapping.text.as_deref()),
            (1, Some(column))
        );
        let mut sampled = levels(&setup.calibration(&path).unwrap());
        sampled.sort_unstable();
        assert_eq!(sampled, [10, 20, 30, 40, 50]);
    }
}

#[test]
fn shards_are_one_table_and_name_their_classes() {
    let setup = Setup::new();
    std::fs::create_dir(setup.path("shards")).unwrap();
    let names = r#"{"info": {"features": {"label": {"_type": "ClassLabel", "names": ["dog", "bird", "cat"]}}}}"#;
    write(
        &setup.path("shards/0.parquet"),
        NESTED,
        &images(&[10, 20, 30]),
        &[0, 1, 2],
        Some(names),
    );
    write(
        &setup.path("shards/1.parquet"),
        NESTED,
        &images(&[40, 50]),
        &[0, 1],
        Some(names),
    );
    let data = setup.evaluation(&setup.path("shards")).unwrap();
    assert_eq!(
        (levels(&data), truths(&data)),
        (vec![10, 20, 30, 40, 50], vec![1, 2, 0, 1, 2])
    );
    assert_eq!(data.files.len(), 2);
}

#[test]
fn rows_without_an_image_and_other_tables_are_rejected() {
    let setup = Setup::new();
    let path = setup.path("a.parquet");
    let mut rows = images(&[10, 20, 30]);
    rows[1] = None;
    write(&path, NESTED, &rows, &[0, 1, 2], None);
    let failure = setup.evaluation(&path).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["a.parquet, row 2", "column \"image\"", "no image"],
    );
    rows[1] = Some(b"not an image".to_vec());
    write(&path, NESTED, &rows, &[0, 1, 2], None);
    let failure = setup.evaluation(&path).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["a.parquet, row 2", "not an image"],
    );
    write(
        &path,
        "message m { OPTIONAL BYTE_ARRAY photo; OPTIONAL INT64 label; }",
        &images(&[1]),
        &[0],
        None,
    );
    let failure = setup.calibration(&path).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["no column with a common name for images", "\"photo\""],
    );
    write(
        &path,
        "message m { OPTIONAL BYTE_ARRAY x; OPTIONAL INT64 image; }",
        &images(&[1]),
        &[0],
        None,
    );
    let failure = setup.calibration(&path).unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["\"image\" holds no images", "bytes and path"],
    );
    let bytes = std::fs::read(&path).unwrap();
    let failure = setup
        .calibration(&setup.file("b.parquet", &bytes[..bytes.len() - 9]))
        .unwrap_err();
    assert_says(
        &failure,
        Code::InvalidData,
        &["b.parquet", "not a readable Parquet file"],
    );
}
