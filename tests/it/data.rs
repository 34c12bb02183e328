//! Valid and broken data files.

use optin::answer::task::Answer;
use optin::data;
use optin::data::dataset::{Dataset, Sample};
use optin::data::draw::draw;
use optin::data::limits::Limits;
use optin::data::mapping::Mapping;
use optin::data::reader::Reader;
use optin::data::table::Table;
use optin::data::truth::Truth;
use optin::model::batch::{ImageShape, Reads, Resolution, TextLimits};
use optin::prune::failure::{Code, Failure};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

use crate::fixture::refusal::assert_says;
use crate::fixture::sentences::write_tokenizer;
use crate::fixture::task;

mod conll;

const READS: Reads = Reads::Text(TextLimits {
    positions: 12,
    vocabulary: 100,
    segments: 2,
});

/// A folder with a tokenizer, to which tests write data files.
struct Setup {
    folder: TempDir,
    reader: Arc<dyn Reader>,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_tokenizer(folder.path(), 64);
        let reader = data::open(&READS, folder.path()).unwrap();
        Self { folder, reader }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn calibration(&self, path: &std::path::Path, mapping: &Mapping) -> Result<Dataset, Failure> {
        self.sampled(path, mapping, usize::MAX)
    }

    fn sampled(
        &self,
        path: &std::path::Path,
        mapping: &Mapping,
        max_positions: usize,
    ) -> Result<Dataset, Failure> {
        Ok(self.reader.calibration(
            path,
            mapping,
            classes().as_ref(),
            Sample {
                max_rows: 512,
                max_positions,
                seed: 0,
            },
            &Limits::default(),
        )?)
    }

    fn evaluation(
        &self,
        path: &std::path::Path,
        mapping: &Mapping,
        task: &Arc<dyn Answer>,
    ) -> Result<Dataset, Failure> {
        Ok(self
            .reader
            .evaluation(path, mapping, task.as_ref(), None, &Limits::default())?)
    }
}

/// Returns a mapping with these columns.
fn columns(text: Option<&str>, text_pair: Option<&str>, label: Option<&str>) -> Mapping {
    Mapping {
        text: text.map(str::to_owned),
        text_pair: text_pair.map(str::to_owned),
        label: label.map(str::to_owned),
        labels: None,
        ignored_label: None,
    }
}

fn classes() -> Arc<dyn Answer> {
    task::classes(&["Negative", "positive", "7"])
}

/// Returns the token ids of a row.
fn ids(data: &Dataset, row: usize) -> Vec<u32> {
    let input = data.examples.load(&[row]).unwrap();
    let (ids, _) = input.tokens().unwrap();
    ids.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_rejected(outcome: Result<Dataset, Failure>, code: Code, words: &[&str]) {
    assert_says(&outcome.unwrap_err(), code, words);
}

#[test]
fn missing_empty_and_unsupported_files_are_rejected() {
    let setup = Setup::new();
    let read = |path: &std::path::Path| setup.calibration(path, &Mapping::default());
    assert_rejected(
        read(&setup.folder.path().join("none.tsv")),
        Code::SourceNotFound,
        &["none.tsv", "not found"],
    );
    for name in ["a.tsv", "a.csv", "a.jsonl"] {
        assert_rejected(
            read(&setup.file(name, "")),
            Code::InvalidData,
            &[name, "empty"],
        );
    }
    assert_rejected(
        read(&setup.file("b.tsv", "text\tlabel\n")),
        Code::InvalidData,
        &["b.tsv", "no data rows"],
    );
    assert_rejected(
        read(&setup.file("c.xlsx", "PK")),
        Code::InvalidData,
        &["c.xlsx", ".conll or .parquet", ".gz or .zst"],
    );
}

#[test]
fn bytes_that_are_not_utf_8_are_rejected() {
    let setup = Setup::new();
    let path = setup.file("latin.tsv", b"text\tlabel\nw1 w2\t0\ncaf\xe9\t1\n");
    assert_rejected(
        setup.calibration(&path, &Mapping::default()),
        Code::InvalidData,
        &["not UTF-8", "line 3", "iconv"],
    );
}

#[test]
fn the_error_for_a_missing_column_lists_the_columns() {
    let setup = Setup::new();
    let path = setup.file("a.tsv", "words\tmeaning\nw1\t0\n");
    assert_rejected(
        setup.calibration(&path, &Mapping::default()),
        Code::InvalidData,
        &["text", "\"words\", \"meaning\""],
    );
    assert_rejected(
        setup.calibration(&path, &columns(Some("sentence"), None, None)),
        Code::InvalidData,
        &["no column \"sentence\"", "\"words\""],
    );
    assert_rejected(
        setup.calibration(&path, &columns(Some("words"), Some("other"), None)),
        Code::InvalidData,
        &["\"other\""],
    );
    assert_rejected(
        setup.evaluation(&path, &columns(Some("words"), None, None), &classes()),
        Code::InvalidData,
        &["label", "\"meaning\""],
    );
    setup
        .calibration(&path, &columns(Some("words"), None, None))
        .unwrap();
}

#[test]
fn the_error_for_an_invalid_row_names_the_line() {
    let setup = Setup::new();
    assert_rejected(
        setup.calibration(
            &setup.file("a.tsv", "text\tlabel\nw1\t0\nw2\n"),
            &Mapping::default(),
        ),
        Code::InvalidData,
        &["line 3", "1 fields, but the table has 2"],
    );
    assert_rejected(
        setup.calibration(
            &setup.file("a.csv", "text,label\nw1,0\nw2,1,2\n"),
            &Mapping::default(),
        ),
        Code::InvalidData,
        &["line 3", "3 fields"],
    );
    assert_rejected(
        setup.calibration(
            &setup.file("a.jsonl", "{\"text\":\"w1\"}\n{\"txt\":\"w2\"}\n"),
            &Mapping::default(),
        ),
        Code::InvalidData,
        &["line 2", "\"text\""],
    );
    assert_rejected(
        setup.calibration(
            &setup.file("b.jsonl", "{\"text\":\"w1\"}\nnot json\n"),
            &Mapping::default(),
        ),
        Code::InvalidData,
        &["line 2", "not valid JSON"],
    );
}

#[test]
fn labels_are_matched_by_name_with_and_without_case() {
    let setup = Setup::new();
    let path = setup.file(
        "a.tsv",
        "text\tlabel\nw1\tNegative\nw2\tPOSITIVE\nw3\tpositive\nw4\t7\n",
    );
    let data = setup
        .evaluation(&path, &Mapping::default(), &classes())
        .unwrap();
    let labels: Vec<Truth> = data.truths().into_iter().cloned().collect();
    // "7" is the name of a class here, not an index.
    assert_eq!(
        labels,
        [0.0, 1.0, 1.0, 2.0].map(|class| Truth::Numbers(vec![class]))
    );
    for wrong in ["neutral", "3"] {
        let path = setup.file("b.tsv", format!("text\tlabel\nw1\t0\nw2\t{wrong}\n"));
        assert_rejected(
            setup.evaluation(&path, &Mapping::default(), &classes()),
            Code::InvalidData,
            &[
                "line 3",
                "\"label\"",
                &format!("\"{wrong}\""),
                "\"Negative\", \"positive\"",
            ],
        );
    }
}

#[test]
fn labels_of_a_regression_must_be_numbers() {
    let setup = Setup::new();
    let path = setup.file("a.csv", "text,score\nw1,2.5\nw2,-1\n");
    let data = setup
        .evaluation(&path, &Mapping::default(), &task::number())
        .unwrap();
    assert_eq!(data.answers[1], Some(Truth::Numbers(vec![-1.0])));
    for wrong in ["high", "NaN", "inf", "4,5"] {
        let wrong = format!("\"{wrong}\"");
        let path = setup.file("b.csv", format!("text,score\nw1,{wrong}\n"));
        assert_rejected(
            setup.evaluation(&path, &Mapping::default(), &task::number()),
            Code::InvalidData,
            &["line 2", "\"score\"", "number"],
        );
    }
}

#[test]
fn calibration_reads_no_labels() {
    let setup = Setup::new();
    let path = setup.file("a.tsv", "text\tlabel\nw1\tno such label\nw2\t\n");
    let data = setup.calibration(&path, &Mapping::default()).unwrap();
    assert!(data.answers.iter().all(Option::is_none));
    assert_eq!(data.mapping, columns(Some("text"), None, None));
}

#[test]
fn quotes_byte_order_marks_line_endings_and_pairs_are_supported() {
    let setup = Setup::new();
    // A table of GLUE: a byte order mark, unusual column names, and quotes without a meaning.
    let tsv = "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t5\t6\tw1 \"w2\tw3\r\n";
    let data = setup
        .evaluation(
            &setup.file("mrpc.tsv", tsv),
            &Mapping::default(),
            &task::classes(&["0", "1"]),
        )
        .unwrap();
    assert_eq!(
        data.mapping,
        columns(Some("#1 String"), Some("#2 String"), Some("Quality"))
    );
    // [CLS] w1 [UNK] w2 [SEP] w3 [SEP]
    assert_eq!(ids(&data, 0), [2, 6, 1, 7, 3, 8, 3]);
    let arguments = data.examples.arguments(0).unwrap();
    assert_eq!(
        serde_json::Value::from(arguments),
        json!({
            "text": null, "text_pair": null,
            "input_ids": [2, 6, 1, 7, 3, 8, 3], "token_type_ids": [0, 0, 0, 0, 0, 1, 1],
        })
    );
    // In CSV, quotes enclose a field.
    let csv = "sentence1,sentence2,score\n\"w1, w2\",\"w3\nw4\",1.0\n";
    let data = setup
        .calibration(&setup.file("a.csv", csv), &Mapping::default())
        .unwrap();
    assert_eq!(ids(&data, 0), [2, 6, 1, 7, 3, 8, 9, 3]);
    let jsonl = "{\"text\": \"w1\", \"label\": 1}\n\n{\"text\": \"w2\", \"label\": \"x\"}\n";
    assert_eq!(
        setup
            .calibration(&setup.file("a.jsonl", jsonl), &Mapping::default())
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn columns_of_a_file_without_a_header_are_selected_by_number() {
    let setup = Setup::new();
    let path = setup.file("a.csv", "w1,w2,0\nw3,w4,1\n");
    let data = setup
        .evaluation(&path, &columns(Some("0"), Some("1"), Some("2")), &classes())
        .unwrap();
    assert_eq!(data.len(), 2);
    assert_eq!(data.answers[1], Some(Truth::Numbers(vec![1.0])));
}

#[test]
fn files_larger_than_the_limits_are_rejected() {
    let setup = Setup::new();
    let path = setup.file("a.tsv", "text\nw1\nw2\nw3\n");
    let read =
        |limits: Limits| Failure::from(Table::read(&path, true, &|_| false, &limits).unwrap_err());
    assert_eq!(
        read(Limits {
            rows: 2,
            ..Limits::default()
        })
        .code,
        Code::LimitExceeded
    );
    let failure = read(Limits {
        file_bytes: 5,
        ..Limits::default()
    });
    assert!(failure.code == Code::LimitExceeded && failure.detail.contains("5 bytes"));
}

#[test]
fn long_rows_are_truncated_to_the_maximum_length() {
    let setup = Setup::new();
    let long = "w1 ".repeat(50);
    let data = setup
        .calibration(
            &setup.file("a.tsv", format!("text\n{long}\nw1\n")),
            &Mapping::default(),
        )
        .unwrap();
    let mut lengths: Vec<usize> = (0..data.len()).map(|row| ids(&data, row).len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [3, 12]);
}

#[test]
fn samples_depend_on_the_seed_and_are_without_replacement() {
    assert_eq!(draw(1_000, 50, 1), draw(1_000, 50, 1));
    assert_ne!(draw(1_000, 50, 1), draw(1_000, 50, 2));
    let mut all = draw(100, 1_000, 3);
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_sample_ends_with_the_row_that_reaches_the_number_of_tokens() {
    let setup = Setup::new();
    let rows: String = (0..40)
        .map(|row| format!("{}\n", vec!["w1"; 1 + row % 9].join(" ")))
        .collect();
    let file = setup.file("a.tsv", format!("text\n{rows}"));
    let sampled = |max_positions| {
        setup
            .sampled(&file, &Mapping::default(), max_positions)
            .unwrap()
    };
    let all = sampled(usize::MAX);
    assert_eq!(all.len(), 40);
    for max_positions in [1, 50, 51, 52, 100, all.extent().positions()] {
        let some = sampled(max_positions);
        let count = some.len();
        for row in 0..count {
            assert_eq!(ids(&some, row), ids(&all, row));
        }
        let last = ids(&some, count - 1).len();
        assert!(
            some.extent().positions() >= max_positions
                && some.extent().positions() - last < max_positions
        );
    }
}

#[test]
fn each_batch_has_one_length_and_each_row_is_in_one_batch() {
    let setup = Setup::new();
    let rows: String = (0..40)
        .map(|row| format!("{}\n", vec!["w1"; 1 + row * 7 % 9].join(" ")))
        .collect();
    let data = setup
        .calibration(
            &setup.file("a.tsv", format!("text\n{rows}")),
            &Mapping::default(),
        )
        .unwrap();
    for max_positions in [1, 20, 1_000] {
        let batches = data.batches(max_positions).load_all().unwrap();
        let mut seen: Vec<usize> = batches
            .iter()
            .flat_map(|batch| batch.rows.clone())
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..40).collect::<Vec<_>>());
        for batch in &batches {
            assert!(batch.len() == 1 || batch.len() * batch.length() <= max_positions);
            let stacked = batch.input.tokens().unwrap().0.to_vec2::<u32>().unwrap();
            for (&row, stacked) in batch.rows.iter().zip(stacked) {
                assert_eq!(ids(&data, row), stacked);
            }
        }
    }
    assert_eq!(
        data.extent().positions(),
        data.batches(100)
            .load_all()
            .unwrap()
            .iter()
            .map(|batch| batch.len() * batch.length())
            .sum::<usize>()
    );
}

#[test]
fn the_digest_depends_only_on_the_texts() {
    let setup = Setup::new();
    let data = |text: &str| {
        setup
            .calibration(&setup.file("a.tsv", text), &Mapping::default())
            .unwrap()
            .sha256
    };
    let first = data("text\tlabel\nw1\t0\n");
    assert_eq!(
        first,
        data("text\tlabel\nw1\t1\n"),
        "the digest must not depend on labels"
    );
    assert_ne!(first, data("text\tlabel\nw2\t0\n"));
}

#[test]
fn a_folder_without_a_tokenizer_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let opened = data::open(&READS, folder.path());
        Failure::from(opened.err().unwrap())
    };
    assert!(open().code == Code::InvalidTokenizer && open().detail.contains("save_pretrained"));
    std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    assert!(open().code == Code::InvalidTokenizer && open().detail.contains("vocabulary"));
}

#[test]
fn a_model_that_reads_images_needs_an_image_processor() {
    let reads = Reads::Pixels(ImageShape {
        patch: 1,
        padded: false,
        resolution: Resolution::Maps,
        height: 2,
        width: 2,
        channels: 3,
    });
    let folder = tempfile::tempdir().unwrap();
    let failure = Failure::from(data::open(&reads, folder.path()).err().unwrap());
    assert_says(
        &failure,
        Code::InvalidCheckpoint,
        &["has no preprocessor_config.json", "save_pretrained"],
    );
}

#[test]
fn archives_of_images_are_rejected_by_a_model_that_reads_texts() {
    let setup = Setup::new();
    for name in ["a.zip", "a.tar.gz", "a.tgz", "a.npz"] {
        assert_rejected(
            setup.calibration(&setup.file(name, "content"), &Mapping::default()),
            Code::InvalidData,
            &[name, "contains images", "the model reads a table", ".tsv"],
        );
    }
}
