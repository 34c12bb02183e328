//! Reads the nested documents of question answering, as SQuAD publishes them: an array `data` of articles, whose
//! `paragraphs` have a `context` and questions, `qas`.
//!
//! Each question is a row with the columns `id`, `title`, `context`, `question` and `answers`.

use serde_json::{Map, Value};

use super::cell::Cell;
use super::contents::{Contents, Reading};
use super::json_objects::Objects;
use super::json_value::cell;
use super::list::List;
use crate::data::error::DataError;

/// Name of the column of the answers.
const ANSWERS: &str = "answers";

/// Returns whether these are the articles of such a document.
pub(super) fn is_nested(articles: &[Value]) -> bool {
    let paragraphs = |article: &Value| article["paragraphs"].is_array();
    !articles.is_empty() && articles.iter().all(paragraphs)
}

/// Reads the articles.
///
/// # Errors
/// Returns [`DataError::Invalid`] if a paragraph or a question is not of this form, and [`DataError::Limit`] if the table
/// exceeds the limits: a context is part of the row of each of its questions.
pub(super) fn read(
    file: &str,
    articles: Vec<Value>,
    reading: &Reading<'_>,
) -> Result<Contents, DataError> {
    let mut rows = Questions {
        file,
        reading,
        table: Objects::new(file, reading),
        bytes: 0,
    };
    for mut article in articles {
        let title = article["title"].take();
        let Value::Array(paragraphs) = article["paragraphs"].take() else {
            continue;
        };
        for mut paragraph in paragraphs {
            let (context, questions) = (
                taken(&mut paragraph, "context"),
                taken(&mut paragraph, "qas"),
            );
            let (Value::String(context), Value::Array(questions)) = (context, questions) else {
                return Err(malformed(
                    file,
                    "a paragraph without \"context\" or \"qas\"",
                ));
            };
            for question in questions {
                rows.add(&title, &context, question)?;
            }
        }
    }
    Ok(rows.table.finish("question"))
}

/// The rows so far.
struct Questions<'a> {
    file: &'a str,
    reading: &'a Reading<'a>,
    table: Objects<'a>,
    /// Bytes of all texts.
    bytes: u64,
}

impl Questions<'_> {
    /// Adds a question.
    fn add(&mut self, title: &Value, context: &str, question: Value) -> Result<(), DataError> {
        let Value::Object(mut question) = question else {
            return Err(malformed(self.file, "a question that is not an object"));
        };
        let Some(Value::String(text)) = question.remove("question") else {
            return Err(malformed(self.file, "a question without \"question\""));
        };
        self.bytes += (context.len() + text.len()) as u64;
        if self.bytes > self.reading.limits.file_bytes {
            return Err(DataError::Limit(format!(
                "{} has questions whose texts have more than {} bytes together, which is the limit; leave out some",
                self.file, self.reading.limits.file_bytes
            )));
        }
        let answers = answers(&mut question, (self.reading.lists)(ANSWERS));
        let line = self.table.rows.count() + 1;
        let named = |name: &str, cell: Cell| (name.to_owned(), cell);
        let id = question.remove("id").unwrap_or_default();
        let fields = vec![
            named("id", cell(id, false)),
            named("title", cell(title.clone(), false)),
            named("context", Cell::Text(context.to_owned())),
            named("question", Cell::Text(text)),
            named(ANSWERS, answers),
        ];
        self.table.add(line, fields)
    }
}

/// Returns the answers of a question. Those of a question that is marked as impossible are none.
fn answers(question: &mut Map<String, Value>, is_read: bool) -> Cell {
    let impossible = question.get("is_impossible") == Some(&Value::Bool(true));
    match question.remove(ANSWERS) {
        Some(_) | None if impossible && is_read => List::default().into(),
        Some(answers) => cell(answers, is_read),
        None => Cell::Null,
    }
}

fn taken(object: &mut Value, key: &str) -> Value {
    object.get_mut(key).map(Value::take).unwrap_or_default()
}

fn malformed(file: &str, what: &str) -> DataError {
    DataError::Invalid(format!(
        "{file} has {what}; write {{\"data\": [{{\"paragraphs\": [{{\"context\": \"..\", \"qas\": [{{\"question\": \"..\", \
         \"answers\": [{{\"text\": \"..\"}}]}}]}}]}}]}}, or one object with \"question\", \"context\" and \"answers\" per line (.jsonl)"
    ))
}
