//! Tables of questions in every form, and the windows of their texts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use optin::data;
use optin::data::dataset::{Dataset, Sample};
use optin::data::limits::Limits;
use optin::data::mapping::Mapping;
use optin::data::reader::Reader;
use optin::data::truth::Truth;
use optin::model::batch::{Reads, TextLimits};
use optin::prune::failure::{Code, Failure};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};

use super::answer;
use crate::fixture::refusal::assert_says;
use crate::fixture::sentences::{words, write_tokenizer};

/// A folder with a tokenizer whose windows have 24 tokens.
struct Setup(tempfile::TempDir);

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_tokenizer(folder.path(), 64);
        Self(folder)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn reader(&self) -> Arc<dyn Reader> {
        let reads = Reads::Text(TextLimits {
            positions: 24,
            vocabulary: 64,
            segments: 2,
        });
        data::open(&reads, self.0.path()).unwrap()
    }

    fn evaluation_with(&self, path: &Path, mapping: &Mapping) -> Result<Dataset, Failure> {
        let limits = Limits::default();
        let truths = answer();
        let reader = self.reader();
        Ok(reader.evaluation(path, mapping, truths.as_ref(), None, &limits)?)
    }

    fn evaluation(&self, path: &Path) -> Result<Dataset, Failure> {
        self.evaluation_with(path, &Mapping::default())
    }

    fn calibration(&self, path: &Path) -> Result<Dataset, Failure> {
        let sample = Sample {
            max_rows: 100,
            max_positions: usize::MAX,
            seed: 1,
        };
        let (mapping, limits) = (Mapping::default(), Limits::default());
        let truths = answer();
        let reader = self.reader();
        Ok(reader.calibration(path, &mapping, truths.as_ref(), sample, &limits)?)
    }
}

/// Returns a question about a text, with its answers. A question without answers has an empty list.
fn rows() -> [(&'static str, &'static str, &'static [&'static str]); 3] {
    [
        ("w1 w2", "w3 w4 w5 w6", &["w4 w5", "w4"]),
        ("w2 w3", "w3 w4 w5 w6", &[]),
        ("w7", "w8, w9. w10", &["w9."]),
    ]
}

fn nested() -> Value {
    let all = rows();
    let question = |row: usize| {
        let (question, context, answers) = all[row];
        let answers = answers.iter().map(|text| {
            let start = context.find(text).unwrap();
            json!({"text": text, "answer_start": start})
        });
        json!({"id": row.to_string(), "question": question, "is_impossible": answers.len() == 0,
               "answers": answers.collect::<Vec<_>>(), "plausible_answers": [{"text": "w6", "answer_start": 9}]})
    };
    json!({"version": "v2.0", "data": [
        {"title": "one", "paragraphs": [{"context": all[0].1, "qas": [question(0), question(1)]}]},
        {"title": "two", "paragraphs": [{"context": all[2].1, "qas": [question(2)]}]},
    ]})
}

/// Writes questions as the library of the hub writes them.
fn write_parquet(path: &Path) {
    let schema = "message schema {
        OPTIONAL BINARY id (UTF8);
        OPTIONAL BINARY question (UTF8);
        OPTIONAL BINARY context (UTF8);
        OPTIONAL group answers {
            OPTIONAL group answer_start (LIST) { REPEATED group list { OPTIONAL INT32 element; } }
            OPTIONAL group text (LIST) { REPEATED group list { OPTIONAL BINARY element (UTF8); } }
        }
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let all = rows();
    for column in 0..3 {
        let texts = all.iter().enumerate().map(|(row, (question, context, _))| {
            let text = [
                row.to_string(),
                (*question).to_owned(),
                (*context).to_owned(),
            ];
            ByteArray::from(text[column].as_str())
        });
        let texts: Vec<ByteArray> = texts.collect();
        let mut column = group.next_column().unwrap().unwrap();
        let column_writer = column.typed::<ByteArrayType>();
        column_writer
            .write_batch(&texts, Some(&[1; 3]), None)
            .unwrap();
        column.close().unwrap();
    }
    // The definition level 2 is that of an empty list, and 4 that of an item.
    let levels = [(4, 0), (4, 1), (2, 0), (4, 0)];
    let (definitions, repetitions): (Vec<i16>, Vec<i16>) = levels.into_iter().unzip();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int32Type>()
        .write_batch(&[3, 3, 4], Some(&definitions), Some(&repetitions))
        .unwrap();
    column.close().unwrap();
    let texts = all.iter().flat_map(|row| row.2);
    let texts: Vec<ByteArray> = texts.map(|text| ByteArray::from(*text)).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<ByteArrayType>()
        .write_batch(&texts, Some(&definitions), Some(&repetitions))
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn questions_of_every_form_are_read_alike() {
    let setup = Setup::new();
    let lines = |answers: &dyn Fn(&[&str]) -> Value| {
        let lines = rows().map(|(question, context, texts)| {
            json!({"question": question, "context": context, "answers": answers(texts)}).to_string()
        });
        lines.join("\n")
    };
    let of_hub = lines(&|texts| json!({"answer_start": vec![0; texts.len()], "text": texts}));
    let objects = lines(&|texts| {
        let texts = texts
            .iter()
            .map(|text| json!({"text": text, "answer_start": 0}));
        texts.collect()
    });
    let parquet = setup.0.path().join("a.parquet");
    write_parquet(&parquet);
    let array = format!("[{}]", of_hub.replace('\n', ","));
    let files = [
        setup.file("nested.json", nested().to_string()),
        setup.file("hub.jsonl", &of_hub),
        setup.file("hub.json", array),
        setup.file(
            "wrapped.json",
            format!("{{\"data\": [{}]}}", objects.replace('\n', ",")),
        ),
        setup.file("texts.jsonl", lines(&|texts| json!(texts))),
        setup.file("objects.jsonl", objects),
        parquet,
    ];
    let expected: Vec<Option<Truth>> = rows()
        .iter()
        .map(|row| {
            Some(Truth::Texts(
                row.2.iter().map(|&text| text.to_owned()).collect(),
            ))
        })
        .collect();
    let mut digests = Vec::new();
    for file in files {
        let data = setup.evaluation(&file).unwrap();
        assert_eq!(data.answers, expected, "{}", file.display());
        assert_eq!(data.mapping.text.as_deref(), Some("question"));
        assert_eq!(data.mapping.text_pair.as_deref(), Some("context"));
        assert_eq!(data.mapping.label.as_deref(), Some("answers"));
        assert_eq!(data.examples.origin(0).shown, ["w1 w2", "w3 w4 w5 w6"]);
        digests.push(data.sha256.clone());
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
}

#[test]
fn a_single_text_is_an_answer_and_null_is_a_question_without_a_label() {
    let setup = Setup::new();
    let lines = "{\"q\": \"w1\", \"c\": \"w2 w3\", \"a\": \"w3\"}\n{\"q\": \"w1\", \"c\": \"w2\", \"a\": null}\n";
    let file = setup.file("a.jsonl", lines);
    let mapping = Mapping {
        text: Some("q".to_owned()),
        text_pair: Some("c".to_owned()),
        label: Some("a".to_owned()),
        ..Mapping::default()
    };
    let data = setup.evaluation_with(&file, &mapping).unwrap();
    assert_eq!(data.answers, [Some(Truth::Texts(vec!["w3".to_owned()]))]);
    assert_eq!(data.unlabelled, 1);
}

/// The text of all windows together is the whole text, and each window shares tokens with the next one.
#[test]
fn windows_cover_the_whole_text() {
    let setup = Setup::new();
    let all = words(64);
    let context = all[..50].join(" ");
    let row = json!({"question": "w1 w2 w3", "context": context, "answers": {"text": ["w49"], "answer_start": [0]}});
    let file = setup.file("a.jsonl", row.to_string());
    for data in [
        setup.evaluation(&file).unwrap(),
        setup.calibration(&file).unwrap(),
    ] {
        // A window has 24 tokens: 3 special ones, 3 of the question, and 18 of the text, of which the next one repeats 12.
        assert_eq!(data.len(), 7);
        let mut next = 0;
        for example in 0..data.len() {
            let passage = data.examples.passage(example).unwrap();
            assert_eq!(passage.question, 0);
            let own: Vec<&str> = passage.whole().split(' ').collect();
            let first = all.iter().position(|word| word == own[0]).unwrap();
            assert!(first <= next, "{first} {next}");
            assert_eq!(own, all[first..first + own.len()]);
            next = first + own.len();
            let input = data.examples.load(&[example]).unwrap();
            let asked = input.asked().unwrap().to_vec2::<u32>().unwrap().remove(0);
            // The first special token, and the text.
            assert_eq!(asked[..5], [1, 0, 0, 0, 0]);
            let count = asked.iter().sum::<u32>() as usize;
            assert_eq!(count, own.len() + 1);
            assert_eq!(asked.len(), own.len() + 6);
            assert_eq!(data.examples.origin(example).shown[0], "w1 w2 w3");
        }
        assert_eq!(next, 50);
    }
}

#[test]
fn what_is_no_question_is_refused() {
    let setup = Setup::new();
    let refused = |row: Value, words: &[&str]| {
        let file = setup.file("a.jsonl", row.to_string());
        let failure = setup.evaluation(&file).unwrap_err();
        let is_known = matches!(failure.code, Code::InvalidData | Code::InvalidTokenizer);
        assert!(is_known, "{failure:?}");
        for word in words {
            assert!(failure.detail.contains(word), "{word}: {}", failure.detail);
        }
    };
    let question = "w1 ".repeat(10);
    for (row, words) in [
        (
            json!({"question": "w1", "answers": []}),
            ["text_pair", "contains the answer"],
        ),
        (
            json!({"context": "w1", "answers": []}),
            ["\"text\"", "a column of questions"],
        ),
        (
            json!({"question": "w1", "context": "w2"}),
            ["label", "\"question\", \"context\""],
        ),
        (
            json!({"question": "", "context": "w2", "answers": []}),
            ["line 1", "the question is empty"],
        ),
        (
            json!({"question": "w1", "context": " ", "answers": []}),
            ["line 1", "the context is empty"],
        ),
        (
            json!({"question": "w1", "context": "w2", "answers": {"start": 3}}),
            ["line 1", "an object"],
        ),
        (
            json!({"question": "w1", "context": "w2", "answers": null}),
            ["\"answers\"", "no answer in any row"],
        ),
        (
            json!({"question": question, "context": "w2 ".repeat(30), "answers": []}),
            [
                "line 1",
                "the question leaves room for 11 of at most 24 tokens",
            ],
        ),
    ] {
        refused(row, &words);
    }
    let row = json!({"question": question, "context": "w2 w3", "answers": []});
    let file = setup.file("a.jsonl", row.to_string());
    assert_eq!(setup.evaluation(&file).unwrap().len(), 1);
    for document in [
        json!({"data": [{"paragraphs": [{"qas": []}]}]}),
        json!({"data": [{"paragraphs": [{"context": "w1", "qas": [{"id": 1}]}]}]}),
        json!({"data": [{"paragraphs": [{"context": "w1", "qas": ["w1"]}]}]}),
    ] {
        let file = setup.file("a.json", document.to_string());
        let failure = setup.evaluation(&file).unwrap_err();
        assert_says(&failure, Code::InvalidData, &["a.json", "\"paragraphs\""]);
    }
}

/// Each question repeats the text of its paragraph, so a small file could become a large table.
#[test]
fn the_texts_of_nested_questions_are_limited() {
    let setup = Setup::new();
    let questions = vec![json!({"question": "w1", "answers": []}); 100];
    let document =
        json!({"data": [{"paragraphs": [{"context": "w2 ".repeat(1000), "qas": questions}]}]});
    let file = setup.file("a.json", document.to_string());
    let limits = Limits {
        file_bytes: 100_000,
        ..Limits::default()
    };
    let truths = answer();
    let reader = setup.reader();
    let mapping = Mapping::default();
    let refused = reader.evaluation(&file, &mapping, truths.as_ref(), None, &limits);
    let failure = Failure::from(refused.unwrap_err());
    assert!(
        failure.detail.contains("100000 bytes"),
        "{}",
        failure.detail
    );
}
