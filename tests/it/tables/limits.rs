//! Tests of the limits on data files.

use optin::data::limits::Limits;
use optin::data::table::Table;
use optin::data::table::cell::Cell;
use optin::prune::failure::Code;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use std::io::Write;
use std::path::Path;

use super::lists::{CURRENT, one_list, write_lists};
use super::parquet_files::parquet;
use super::{DataFolder, limited};
use crate::fixture::refusal::assert_says;

#[test]
fn a_decompression_bomb_is_rejected() {
    let data = DataFolder::new();
    let limits = Limits {
        file_bytes: 1 << 16,
        ..Limits::default()
    };
    let zeros = vec![b'a'; 10 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    let many: Vec<(Option<&str>, i64)> = vec![(Some("the same text again"), 1); 50_000];
    let parquet_path = data.0.path().join("a.parquet");
    parquet(
        &parquet_path,
        &many,
        Compression::ZSTD(Default::default()),
        None,
    );
    for path in [
        data.file("a.tsv.gz", gzip.finish().unwrap()),
        data.file("a.tsv.zst", zstd::encode_all(zeros.as_slice(), 3).unwrap()),
        parquet_path,
    ] {
        assert!(std::fs::metadata(&path).unwrap().len() < 1 << 19);
        let failure = limited(&path, &limits).unwrap_err();
        assert_says(&failure, Code::LimitExceeded, &["65536"]);
    }
}

#[test]
fn limits_are_checked_before_rows_are_built() {
    let data = DataFolder::new();
    let limited = |path: &Path, limits: &Limits, word: &str| {
        assert_says(
            &limited(path, limits).unwrap_err(),
            Code::LimitExceeded,
            &[word],
        );
    };
    let limits = Limits {
        fields: 1_000_000,
        rows: 3_000,
        ..Limits::default()
    };
    // Each row has a different key.
    let keys: String = (0..2_000)
        .map(|row| format!("{{\"k{row}\": 1}}\n"))
        .collect();
    limited(
        &data.file("wide.jsonl", keys),
        &limits,
        "1001 rows of 1001 columns",
    );
    for (name, row) in [
        ("a.tsv", "w\n"),
        ("a.csv", "w\n"),
        ("a.jsonl", "{\"text\": \"w\"}\n"),
    ] {
        limited(
            &data.file(name, row.repeat(4_000)),
            &limits,
            "more than 3000 rows",
        );
    }
    // The limit applies to the sum of the decompressed shards.
    let text = "text\n".to_owned() + &"w ".repeat(3_000);
    for shard in ["a", "b"] {
        let compressed = zstd::encode_all(text.as_bytes(), 3).unwrap();
        data.file(&format!("shards/{shard}.tsv.zst"), compressed);
    }
    let limits = Limits {
        file_bytes: 8_000,
        ..Limits::default()
    };
    limited(&data.0.path().join("shards"), &limits, "b.tsv.zst");
}

#[test]
fn list_items_count_as_fields() {
    let data = DataFolder::new();
    let limits = Limits {
        fields: 1_000,
        ..Limits::default()
    };
    let rows = "{\"text\": \"a\", \"tags\": [1, 2, 3]}\n".repeat(220);
    let columns = format!(
        "{{\"text\": [{texts}], \"tags\": [{tags}]}}",
        texts = vec!["\"a\""; 220].join(","),
        tags = vec!["[1, 2, 3]"; 220].join(","),
    );
    // The first list has one item too many, the second list many.
    let [list, long] = [1_000, 5_000].map(|items| {
        let path = data.0.path().join(format!("{items}.parquet"));
        write_lists::<Int64Type>(&path, CURRENT, &one_list(items), &vec![7; items], None);
        path
    });
    for (path, words) in [
        (
            data.file("a.jsonl", &rows),
            "201 rows of 2 columns and 603 items in lists, but the limit is 1000 fields",
        ),
        (data.file("a.json", columns), "660 items"),
        (list, "1 rows of 1 columns and 1000 items"),
        (long, "items in lists, but the limit is 1000 fields"),
    ] {
        let failure = limited(&path, &limits).unwrap_err();
        assert_says(&failure, Code::LimitExceeded, &[words]);
        // Lists that are not read do not count.
        let table = Table::read(&path, true, &|_| false, &limits).unwrap();
        assert!(matches!(
            table.rows[0].cells.last(),
            Some(Cell::Nested("a list"))
        ));
    }
    // The limit applies to the sum of the shards.
    let shard = "{\"tags\": [1, 2, 3]}\n".repeat(200);
    data.file("shards/a.jsonl", &shard);
    data.file("shards/b.jsonl", &shard);
    assert!(limited(&data.0.path().join("shards/a.jsonl"), &limits).is_ok());
    let failure = limited(&data.0.path().join("shards"), &limits).unwrap_err();
    assert_says(
        &failure,
        Code::LimitExceeded,
        &["b.jsonl", "but the limit is 200 fields"],
    );
}

#[test]
fn repeated_texts_in_a_list_count_toward_the_size() {
    let data = DataFolder::new();
    let path = data.0.path().join("a.parquet");
    let schema =
        "OPTIONAL group a (LIST) { REPEATED group list { OPTIONAL BINARY element (UTF8); } }";
    let text = ByteArray::from("x".repeat(100).as_str());
    write_lists::<ByteArrayType>(&path, schema, &one_list(2_000), &vec![text; 2_000], None);
    assert!(std::fs::metadata(&path).unwrap().len() < 5_000);
    let limits = Limits {
        file_bytes: 1 << 16,
        ..Limits::default()
    };
    let failure = limited(&path, &limits).unwrap_err();
    assert_says(
        &failure,
        Code::LimitExceeded,
        &["when decompressed", "65536"],
    );
}
