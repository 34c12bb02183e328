//! Selects the columns of a table that are read: by the names in the mapping, or by common column names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::label::LabelReading;
use super::table::Table;
use super::truth::ReadTruth;

/// Columns of a dataset. A column is given by its name, or by its number from 0. If all given columns are numbers, the
/// file has no header. Other columns are detected by common names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ColumnMapping")]
pub struct Mapping {
    /// Column of the text, of the first text of a pair, or of the list of words. Null if it is detected by name.
    pub text: Option<String>,
    /// Column of the second text of a pair. Null if there is none or it is detected by name.
    pub text_pair: Option<String>,
    /// Column of the label: a class name in `id2label` of the model, a class index, a number for regression, or a list
    /// of names or indices for several labels per row or a label per word. Null if it is detected by name.
    pub label: Option<String>,
    /// How the label column identifies classes. Absent if it is detected from its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelReading>,
}

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
/// Common names of columns with a list of words in public data sets.
pub const WORDS: &[&str] = &["tokens", "words"];

/// The columns as positions in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Column of the text, or of the first text of a pair.
    pub text: usize,
    /// Column of the second text of a pair.
    pub text_pair: Option<usize>,
    /// Column of the label, if labels are read.
    pub label: Option<usize>,
}

impl Mapping {
    /// Returns whether all given columns are numbers, which means that the first row of the file is data.
    #[must_use]
    pub fn is_numbered(&self) -> bool {
        let mut named = [&self.text, &self.text_pair, &self.label]
            .into_iter()
            .flatten()
            .peekable();
        named.peek().is_some() && named.all(|name| name.parse::<usize>().is_ok())
    }

    /// Whether a column may hold lists: the words of the examples, or lists as true answers.
    #[must_use]
    pub fn reads_list(&self, column: &str, truths: &dyn ReadTruth) -> bool {
        let named = |given: &Option<String>, common: &[&str]| match given {
            Some(name) => name == column,
            None => common.contains(&column),
        };
        (truths.reads_words() && named(&self.text, WORDS))
            || (truths.reads_lists() && named(&self.label, truths.columns()))
    }

    /// Finds the columns in a table.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if a named column does not exist or exists twice, or if no column has a common
    /// name.
    pub fn resolve(
        &self,
        table: &Table,
        truths: &dyn ReadTruth,
        with_label: bool,
    ) -> Result<Columns, DataError> {
        let common = match (&self.text, truths.reads_words()) {
            (Some(_), _) => None,
            (None, true) => first_of(table, WORDS)?.map(|words| (words, None)),
            (None, false) => common_texts(table)?,
        };
        let (text, text_pair) = match (&self.text, common) {
            (Some(name), _) => {
                let pair = self
                    .text_pair
                    .as_ref()
                    .map(|pair| table.column(pair))
                    .transpose()?;
                (table.column(name)?, pair)
            }
            (None, Some((text, found))) => match &self.text_pair {
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
        let label = match (with_label, &self.label) {
            (false, _) => None,
            (true, Some(name)) => Some(table.column(name)?),
            (true, None) => {
                let common = first_of(table, truths.columns())?;
                Some(common.ok_or_else(|| table.missing("a label column", "label"))?)
            }
        };
        Ok(Columns {
            text,
            text_pair,
            label,
        })
    }

    /// Returns a mapping with the names of these columns.
    #[must_use]
    pub fn named(columns: Columns, table: &Table, labels: Option<LabelReading>) -> Self {
        let name = |position: usize| table.names[position].clone();
        Self {
            text: Some(name(columns.text)),
            text_pair: columns.text_pair.map(name),
            label: columns.label.map(name),
            labels,
        }
    }
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

/// Returns the first of these columns that exists.
fn first_of(table: &Table, names: &[&str]) -> Result<Option<usize>, DataError> {
    for name in names {
        if let Some(position) = table.position(name)? {
            return Ok(Some(position));
        }
    }
    Ok(None)
}
