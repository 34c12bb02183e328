//! Tables that are made to fill the memory. Each gives a clear failure to the check of an upload, and to a job.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use optin::data;
use optin::data::limits::Limits;
use optin::prune::failure::{Code, Failure};
use parquet::basic::Compression;

use super::parquet_files::parquet;
use super::{DataFolder, limited};
use crate::fixture::hostile::packed::gzip;
use crate::fixture::hostile::tables;
use crate::fixture::refusal::assert_says;

/// Checks a file as an upload.
fn admitted(path: &Path) -> Result<(), Failure> {
    Ok(data::check(path, &Limits::default())?)
}

/// Asserts that a file is too large in this sense, for an upload and for a job.
fn assert_too_large(path: &Path, words: &[&str]) {
    let failures = [
        admitted(path).unwrap_err(),
        limited(path, &Limits::default()).unwrap_err(),
    ];
    for failure in failures {
        assert_says(&failure, Code::LimitExceeded, words);
    }
}

#[test]
fn rows_columns_and_fields_are_limited_before_they_are_kept() {
    let data = DataFolder::new();
    for hostile in tables::large() {
        let path = data.file(hostile.name, hostile.content);
        assert_too_large(&path, &hostile.words);
    }
}

#[test]
fn lists_that_nobody_needs_take_no_memory_and_the_others_are_limited() {
    let data = DataFolder::new();
    let items = format!("[{}0]", "0,".repeat(3_000_000));
    let content = format!("{{\"text\": \"a\", \"numbers\": {items}}}\n");
    let path = data.file("lists.jsonl.gz", gzip(content.repeat(8).as_bytes()));
    admitted(&path).unwrap();
    let failure = limited(&path, &Limits::default()).unwrap_err();
    assert_says(
        &failure,
        Code::LimitExceeded,
        &["items in lists", "20000000 fields"],
    );
}

#[test]
fn values_are_not_nested_without_end() {
    let data = DataFolder::new();
    for hostile in tables::nested() {
        let failure = admitted(&data.file(hostile.name, hostile.content)).unwrap_err();
        assert_says(&failure, hostile.code, &hostile.words);
    }
}

fn table(data: &DataFolder) -> PathBuf {
    let path = data.0.path().join("a.parquet");
    let text = "the same text again and again ".repeat(1_000);
    let rows: Vec<(Option<&str>, i64)> = (0..200).map(|row| (Some(text.as_str()), row)).collect();
    parquet(&path, &rows, Compression::ZSTD(Default::default()), None);
    path
}

#[test]
fn the_footer_of_a_parquet_file_is_limited_before_it_is_parsed() {
    let data = DataFolder::new();
    let path = table(&data);
    admitted(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let length = bytes.len() - 8;
    let padding = vec![0; 9 << 20];
    bytes.splice(length..length, padding);
    let at = bytes.len() - 8;
    bytes[at..at + 4].copy_from_slice(&(9_u32 << 20).to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    assert_too_large(&path, &["the footer of", "too large"]);
}

/// Returns a number as Thrift writes it, in this number of bytes.
fn varint(number: u64, bytes: usize) -> Vec<u8> {
    let mut rest = number << 1;
    let digits = (0..bytes).map(|at| {
        let more = if at + 1 < bytes { 0x80 } else { 0 };
        let digit = (rest & 0x7f) as u8 | more;
        rest >>= 7;
        digit
    });
    digits.collect()
}

#[test]
fn pages_that_are_larger_than_the_footer_says_are_found_before_they_are_decoded() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let data = DataFolder::new();
    let path = table(&data);
    let bytes = std::fs::read(&path).unwrap();
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes.clone())).unwrap();
    let group = reader.get_row_group(0).unwrap();
    let sizes: Vec<u64> = (0..2)
        .map(|column| group.metadata().column(column).uncompressed_size() as u64)
        .collect();
    assert!(sizes[0] > 20_000, "{sizes:?}");
    let limits = Limits {
        file_bytes: sizes[0] / 2,
        ..Limits::default()
    };
    // The footer says that the first column is small.
    let wanted = varint(sizes[0], 3);
    let footer = bytes.len()
        - 8
        - u32::from_le_bytes(bytes[bytes.len() - 8..][..4].try_into().unwrap()) as usize;
    let places: Vec<usize> = (footer..bytes.len() - 11)
        .filter(|&at| bytes[at..at + 3] == wanted)
        .collect();
    assert_eq!(places.len(), 1, "{sizes:?}");
    let mut forged = bytes.clone();
    forged[places[0]..places[0] + 3].copy_from_slice(&varint(1, 3));
    let mut cursor = Cursor::new(Vec::new());
    cursor.write_all(&forged).unwrap();
    std::fs::write(&path, cursor.into_inner()).unwrap();
    let failure = limited(&path, &limits).unwrap_err();
    assert_says(&failure, Code::LimitExceeded, &["when decompressed"]);
}

#[test]
fn a_folder_in_place_of_a_data_file_is_named() {
    let data = DataFolder::new();
    std::fs::create_dir(data.0.path().join("empty")).unwrap();
    let failure = admitted(&data.0.path().join("empty")).unwrap_err();
    assert_says(&failure, Code::InvalidData, &["empty", "no data file"]);
    std::fs::create_dir_all(data.0.path().join("tables/a.csv")).unwrap();
    let failure = admitted(&data.0.path().join("tables")).unwrap_err();
    assert_says(&failure, Code::InvalidData, &["tables", "no data file"]);
}
