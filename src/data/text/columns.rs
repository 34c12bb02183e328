//! Selects the columns of a table that are read: by the names in the mapping, or by common column names.

use crate::data::error::DataError;
use crate::data::label::LabelReading;
use crate::data::mapping::Mapping;
use crate::data::table::Table;
use crate::data::truth::ReadTruth;

/// Common names of text columns in public data sets. The second name is the column of the second text of a pair.
pub const TEXTS: &[(&str, Option<&str>)] = &[
    ("text", Some("text_pair")),
    ("sentence1", Some("sentence2")),
    ("question1", Some("question2")),
    ("premise", Some("hypothesis")),
    ("question", Some("sentence")),
    ("#1 String", Some("#2 String")),
    ("sentence", None),
    ("review", None),
    ("content", None),
    ("description", None),
];
/// Common names of the columns with a question and with the text in which its answer is.
pub const QUESTION: (&str, &str) = ("question", "context");
/// Common names of columns with a list of words in public data sets.
pub const WORDS: &[&str] = &["tokens", "words"];

/// The columns as positions in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// Column of the text, or of the first text of a pair.
    pub(super) text: usize,
    /// Column of the second text of a pair.
    pub(super) text_pair: Option<usize>,
    /// Column of the label, if labels are read.
    pub(super) label: Option<usize>,
}

/// Whether a column may hold lists: the words of the examples, or lists as true answers.
pub(super) fn reads_list(mapping: &Mapping, column: &str, truths: &dyn ReadTruth) -> bool {
    let named = |given: &Option<String>, common: &[&str]| match given {
        Some(name) => name == column,
        None => common.contains(&column),
    };
    (truths.reads_words() && named(&mapping.text, WORDS))
        || (truths.reads_lists() && named(&mapping.label, truths.columns()))
}

impl Columns {
    /// Finds the columns in a table.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if a named column does not exist or exists twice, or if no column has a common
    /// name.
    pub(super) fn resolve(
        mapping: &Mapping,
        table: &Table,
        truths: &dyn ReadTruth,
        with_label: bool,
    ) -> Result<Self, DataError> {
        if truths.reads_passages() {
            return Self::of_questions(mapping, table, truths, with_label);
        }
        let common = match (&mapping.text, truths.reads_words()) {
            (Some(_), _) => None,
            (None, true) => table.first_of(WORDS)?.map(|words| (words, None)),
            (None, false) => common_texts(table)?,
        };
        let (text, text_pair) = match (&mapping.text, common) {
            (Some(name), _) => {
                let pair = mapping
                    .text_pair
                    .as_ref()
                    .map(|pair| table.column(pair))
                    .transpose()?;
                (table.column(name)?, pair)
            }
            (None, Some((text, found))) => match &mapping.text_pair {
                Some(pair) => (text, Some(table.column(pair)?)),
                None => (text, found),
            },
            (None, None) => {
                let what = match truths.reads_words() {
                    true => "a column of lists of words",
                    false => "a text column",
                };
                return Err(table.missing(what, "text"));
            }
        };
        if with_label && truths.reads_texts_apart() && text_pair.is_none() {
            return Err(table.missing("a column with the second text of each pair", "text_pair"));
        }
        Ok(Self {
            text,
            text_pair,
            label: label(mapping, table, truths, with_label)?,
        })
    }

    /// Finds the columns of questions and of the texts with their answers.
    fn of_questions(
        mapping: &Mapping,
        table: &Table,
        truths: &dyn ReadTruth,
        with_label: bool,
    ) -> Result<Self, DataError> {
        let column = |given: &Option<String>, common: &str, what: &str, key: &str| match given {
            Some(name) => table.column(name),
            None => table
                .position(common)?
                .ok_or_else(|| table.missing(what, key)),
        };
        let (question, context) = QUESTION;
        let what = "a column with the text that contains the answer of each question";
        Ok(Self {
            text: column(&mapping.text, question, "a column of questions", "text")?,
            text_pair: Some(column(&mapping.text_pair, context, what, "text_pair")?),
            label: label(mapping, table, truths, with_label)?,
        })
    }

    /// Returns the names of these columns.
    pub(super) fn named(self, table: &Table, labels: Option<LabelReading>) -> Mapping {
        let name = |position: usize| table.names[position].clone();
        Mapping {
            text: Some(name(self.text)),
            text_pair: self.text_pair.map(name),
            label: self.label.map(name),
            labels,
            ignored_label: None,
        }
    }
}

/// Returns the column of the label, if labels are read.
fn label(
    mapping: &Mapping,
    table: &Table,
    truths: &dyn ReadTruth,
    with_label: bool,
) -> Result<Option<usize>, DataError> {
    Ok(match (with_label, &mapping.label) {
        (false, _) => None,
        (true, Some(name)) => Some(table.column(name)?),
        (true, None) => {
            let common = table.first_of(truths.columns())?;
            Some(common.ok_or_else(|| table.missing("a label column", "label"))?)
        }
    })
}

/// Returns the first text column with a common name, and the column of the second text of its pair.
fn common_texts(table: &Table) -> Result<Option<(usize, Option<usize>)>, DataError> {
    for (text, pair) in TEXTS {
        if let Some(text) = table.position(text)? {
            let pair = match pair {
                Some(pair) => table.position(pair)?,
                None => None,
            };
            return Ok(Some((text, pair)));
        }
    }
    Ok(None)
}
