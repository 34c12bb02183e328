//! Tests of data files: all formats, compression, shards, limits, and files that are not tables.

use optin::checkpoint::read_file::ReadFile;
use optin::data::format::{Format, Packing, ends};
use optin::data::limits::Limits;
use optin::data::table::Table;
use optin::data::table::cell::Cell;
use optin::prune::digest::sha256_of;
use optin::prune::failure::{Code, Failure};
use parquet::basic::Compression;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

use self::parquet_files::parquet;
use crate::fixture::refusal::assert_says;

mod conll;
mod hostile;
mod inspection;
mod limits;
mod lists;
mod parquet_files;

/// A temporary folder for data files.
struct DataFolder(TempDir);

impl DataFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn read(path: &Path) -> Result<Table, Failure> {
    limited(path, &Limits::default())
}

/// Reads a file with these limits. The lists of all columns are read.
fn limited(path: &Path, limits: &Limits) -> Result<Table, Failure> {
    Ok(Table::read(path, true, &|_| true, limits)?)
}

/// Returns the expected description of a file that was read.
fn on_disk(path: &Path) -> ReadFile {
    ReadFile {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        bytes: path.metadata().unwrap().len(),
        sha256: sha256_of(path).unwrap(),
    }
}

/// Asserts that a file is rejected as invalid data with these words.
fn assert_rejected(path: &Path, words: &[&str]) {
    assert_says(&read(path).unwrap_err(), Code::InvalidData, words);
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn cells(table: &Table) -> Vec<Vec<Cell>> {
    table.rows.iter().map(|row| row.cells.clone()).collect()
}

#[test]
fn the_file_name_determines_format_and_compression() {
    assert_eq!(Format::of("a.tsv"), Some((Format::Tsv, Packing::Plain)));
    assert_eq!(Format::of("A.CSV.GZ"), Some((Format::Csv, Packing::Gzip)));
    assert_eq!(
        Format::of("a.b.ndjson.zst"),
        Some((Format::JsonLines, Packing::Zstd))
    );
    assert_eq!(
        Format::of("train-00000-of-00002.parquet"),
        Some((Format::Parquet, Packing::Plain))
    );
    for none in ["a", "tsv", "a.parquet.gz", "a.txt", "a.gz", "atsv"] {
        assert_eq!(Format::of(none), None, "{none}");
    }
    for end in ends() {
        assert!(Format::of(&format!("a{end}")).is_some(), "{end}");
    }
    assert_eq!(Format::of("a.TGZ"), Some((Format::Tar, Packing::Gzip)));
    assert_eq!(
        Format::of("train-images-idx3-ubyte.gz"),
        Some((Format::Idx, Packing::Gzip))
    );
    // Seven ends of tables and five of images; those of six and two also in two compressions; and .tgz.
    assert_eq!(ends().len(), 7 + 5 + 2 * (6 + 2) + 1);
}

#[test]
fn every_format_yields_the_same_rows() {
    let data = DataFolder::new();
    let expected = [[text("a b"), text("0")], [text("c"), text("1")]];
    let csv = "text,label\na b,0\nc,1\n";
    for (name, content) in [
        ("a.tsv", "text\tlabel\na b\t0\nc\t1\n"),
        ("a.csv", csv),
        ("mac.csv", "text,label\ra b,0\rc,1\r"),
        ("spaces.csv", "text, label\na b,0\nc,1\n"),
        (
            "a.jsonl",
            "{\"text\": \"a b\", \"label\": 0}\n\n{\"label\": 1, \"text\": \"c\"}\n",
        ),
        (
            "a.json",
            "[{\"text\": \"a b\", \"label\": 0}, {\"text\": \"c\", \"label\": 1}]",
        ),
        (
            "around.json",
            "{\"version\": 1, \"data\": [{\"text\": \"a b\", \"label\": 0}, {\"text\": \"c\", \"label\": 1}]}",
        ),
        (
            "pandas.json",
            "{\"text\": {\"7\": \"a b\", \"9\": \"c\"}, \"label\": {\"7\": 0, \"9\": 1}}",
        ),
        (
            "columns.json",
            "{\"text\": [\"a b\", \"c\"], \"label\": [0, 1]}",
        ),
        (
            "lines.json",
            "{\"text\": \"a b\", \"label\": 0}\n{\"text\": \"c\", \"label\": 1}\n",
        ),
    ] {
        let table = read(&data.file(name, content)).unwrap();
        assert_eq!(table.names, ["text", "label"], "{name}");
        assert_eq!(cells(&table), expected, "{name}");
    }
    let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    compressed.write_all(csv.as_bytes()).unwrap();
    let gzip = data.file("a.csv.gz", compressed.finish().unwrap());
    let zst = data.file("a.csv.zst", zstd::encode_all(csv.as_bytes(), 1).unwrap());
    for path in [gzip, zst] {
        let table = read(&path).unwrap();
        assert_eq!(cells(&table), expected, "{}", path.display());
        assert_eq!(
            table.files,
            [on_disk(&path)],
            "the size and checksum must be those of the compressed file"
        );
    }
}

#[test]
fn a_folder_of_shards_is_one_table() {
    let data = DataFolder::new();
    let folder = data.0.path().join("train");
    data.file("train/b-00001.jsonl", "{\"text\": \"c\"}\n");
    data.file(
        "train/a-00000.jsonl",
        "{\"text\": \"a\"}\n{\"text\": \"b\"}\n",
    );
    data.file("train/README.md", "of the data");
    let table = read(&folder).unwrap();
    assert_eq!(cells(&table), [[text("a")], [text("b")], [text("c")]]);
    let shards = ["a-00000.jsonl", "b-00001.jsonl"].map(|name| on_disk(&folder.join(name)));
    assert_eq!(table.files, shards);
    assert!(
        table.place(2).ends_with("train/b-00001.jsonl, line 1"),
        "{}",
        table.place(2)
    );
    // A key that is missing in a row is null in that row.
    data.file("train/c-00002.jsonl", "{\"other\": \"d\"}\n");
    let table = read(&folder).unwrap();
    assert_eq!(table.names, ["text", "other"]);
    assert_eq!(
        cells(&table)[2..],
        [[text("c"), Cell::Null], [Cell::Null, text("d")]]
    );
    data.file("train/d.tsv", "text\nw\n");
    assert_rejected(&folder, &["different formats", "d.tsv"]);
    std::fs::create_dir(data.0.path().join("empty")).unwrap();
    assert_rejected(&data.0.path().join("empty"), &["no data file", ".parquet"]);
}

#[test]
fn shards_with_different_columns_or_classes_are_rejected() {
    let data = DataFolder::new();
    data.file("csv/a.csv", "text,label\na,0\n");
    data.file("csv/b.csv", "label,text\n0,b\n");
    assert_rejected(&data.0.path().join("csv"), &["b.csv", "a.csv", "one table"]);
    let folder = data.0.path().join("parquet");
    std::fs::create_dir(&folder).unwrap();
    for (shard, order) in [("a", r#"["neg", "pos"]"#), ("b", r#"["pos", "neg"]"#)] {
        let path = folder.join(format!("{shard}.parquet"));
        parquet(&path, &[(Some("a"), 0)], Compression::SNAPPY, Some(order));
    }
    assert_rejected(&folder, &["b.parquet names the classes", "a.parquet"]);
}

#[test]
fn duplicate_column_names_are_rejected() {
    let data = DataFolder::new();
    let table = read(&data.file("a.tsv", "text\tlabel\ttext\na\t0\tb\n")).unwrap();
    let failure = Failure::from(table.column("text").unwrap_err());
    assert_says(
        &failure,
        Code::InvalidData,
        &["two columns \"text\"", "the 1st and the 3rd"],
    );
    assert_eq!(table.column("label").unwrap(), 1);
    assert_rejected(
        &data.file("a.jsonl", "{\"text\": \"a\", \"text\": \"b\"}\n"),
        &["line 1", "the key \"text\" twice"],
    );
    for nested in [
        "{\"data\": [{\"text\": \"a\", \"text\": \"b\"}]}",
        "{\"text\": {\"0\": \"a\", \"0\": \"b\"}}",
        "[{\"text\": \"a\", \"text\": \"b\"}]",
    ] {
        let path = data.file("a.json", nested);
        assert_rejected(&path, &["a.json", "twice; remove one"]);
    }
}

#[test]
fn commas_and_semicolons_in_a_single_text_column_are_not_taken_for_separators() {
    let data = DataFolder::new();
    let sentences = "text, as it was said\nyes; no, perhaps, never\n";
    let table = read(&data.file("a.tsv", sentences)).unwrap();
    assert_eq!(table.names, ["text, as it was said"]);
    let table = read(&data.file("a.jsonl", "{\"text\": \"NaN is no number\"}\n")).unwrap();
    assert_eq!(table.rows.len(), 1);
}

#[test]
fn text_fields_that_are_not_text_are_rejected() {
    let data = DataFolder::new();
    let table = read(&data.file(
        "a.jsonl",
        "{\"text\": \"a\", \"tags\": [1]}\n{\"text\": [\"b\"]}\n{\"text\": {\"c\": 1}}\n{\"text\": null}\n{}\n",
    ))
    .unwrap();
    assert_eq!(table.text(0, 0).unwrap(), "a");
    for (row, words) in [
        (1, ["line 2", "a list"]),
        (2, ["line 3", "an object"]),
        (
            3,
            [
                "line 4",
                "null, but a text is required (2 of 5 rows have none)",
            ],
        ),
        (4, ["line 5", "null"]),
    ] {
        let failure = Failure::from(table.text(row, 0).unwrap_err());
        assert_says(&failure, Code::InvalidData, &words);
    }
}

#[test]
fn files_that_are_not_tables_are_rejected() {
    let data = DataFolder::new();
    for (name, content, words) in [
        (
            "a.tsv",
            &b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"[..],
            "git lfs pull",
        ),
        ("a.csv", b"<!DOCTYPE html><html></html>", "web page (HTML)"),
        ("a.csv", b"PK\x03\x04..", "zip archive or a spreadsheet"),
        ("a.csv", b"text;label\na;0\n", "semicolons, but commas"),
        ("a.csv", b"text\tlabel\na\t0\n", "rename the file to .tsv"),
        ("a.tsv", b"text,label\na,0\n", "rename the file to .csv"),
        ("a.tsv", b"\xff\xfet\0e\0", "UTF-16"),
        (
            "a.tsv",
            b"text\nw\na\0b\n",
            "line 3: the file contains a NUL byte",
        ),
        ("a.csv", b"text,label\na,0\n\"b,1\nc,0\n", "never closed"),
        (
            "a.jsonl",
            b"{\"text\": \"a\", \"label\": NaN}\n",
            "line 1 contains NaN, which is not valid JSON; write null",
        ),
        ("a.jsonl", b"[1, 2]\n", "line 1 is not a JSON object"),
        (
            "a.jsonl",
            b"{\"text\": \"NaN\", \"label\": None}\n",
            "line 1 contains None, which is not valid JSON; write null",
        ),
        (
            "a.jsonl",
            b"{'text': 'a'}\n",
            "line 1 contains single quotes",
        ),
        (
            "a.json",
            b"[\n{\"text\": \"a\"},\n{\"text\" \"b\"}\n]",
            "line 3 is not valid JSON (column",
        ),
        (
            "a.jsonl",
            b"{\"text\": \"a\"\n",
            "line 1 ends in the middle",
        ),
        ("a.json", b"3", "not a JSON object"),
        (
            "a.json",
            b"{\"text\": [\"a\"], \"label\": [1, 2]}",
            "\"label\" has 2 values, but the first column has 1",
        ),
        (
            "a.json",
            b"{\"text\": [\"a\"], \"label\": 1}",
            "not a table",
        ),
        ("a.parquet", b"PAR1", "not a readable Parquet file"),
        ("a.csv.gz", b"text\n", "cannot be decompressed"),
        ("a.csv.zst", b"text\n", "cannot be decompressed"),
    ] {
        let failure = read(&data.file(name, content)).unwrap_err();
        assert_says(&failure, Code::InvalidData, &[name, words]);
        // The message must not contain a second location from a library.
        assert!(!failure.detail.contains(" at line "), "{}", failure.detail);
    }
}
