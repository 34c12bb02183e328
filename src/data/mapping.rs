//! Which columns of a table are read: as named, or found by their usual names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::label::LabelReading;
use super::table::Table;

/// Which columns of a data file are read. `None` means: found by the usual names. A column is named, or
/// numbered from 0; a mapping of numbers alone says that the file has no header row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mapping {
    /// The (first) text.
    pub text: Option<String>,
    /// The second text of a pair.
    pub text_pair: Option<String>,
    /// The label: a name of `id2label`, an index, or a number for regression.
    pub label: Option<String>,
    /// How the label column names classes; `None` means: found from its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelReading>,
}

/// Names that a text column and its partner usually have, by the data sets that use them.
const TEXTS: &[(&str, Option<&str>)] = &[
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
const LABELS: &[&str] = &[
    "label",
    "labels",
    "class",
    "category",
    "target",
    "score",
    "Quality",
    "gold_label",
];

/// Columns by their positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The (first) text.
    pub text: usize,
    /// The second text of a pair.
    pub text_pair: Option<usize>,
    /// The label, where it was asked for.
    pub label: Option<usize>,
}

impl Mapping {
    /// Whether it names columns by number alone, so that the file's first row is data.
    #[must_use]
    pub fn is_numbered(&self) -> bool {
        let mut named = [&self.text, &self.text_pair, &self.label]
            .into_iter()
            .flatten()
            .peekable();
        named.peek().is_some() && named.all(|name| name.parse::<usize>().is_ok())
    }

    /// Finds the columns in a table.
    ///
    /// # Errors
    /// When a named column is not there, or none has a usual name.
    pub fn resolve(&self, table: &Table, with_label: bool) -> Result<Columns, DataError> {
        let usual = match self.text {
            Some(_) => None,
            None => usual_texts(table)?,
        };
        let (text, text_pair) = match (&self.text, usual) {
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
            (None, None) => return Err(table.missing("a text column", "text")),
        };
        let label = match (with_label, &self.label) {
            (false, _) => None,
            (true, Some(name)) => Some(table.column(name)?),
            (true, None) => {
                let usual = first_of(table, LABELS)?;
                Some(usual.ok_or_else(|| table.missing("a label column", "label"))?)
            }
        };
        Ok(Columns {
            text,
            text_pair,
            label,
        })
    }

    /// The same mapping with every column named.
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

/// The first usual text column that is there, and its partner.
fn usual_texts(table: &Table) -> Result<Option<(usize, Option<usize>)>, DataError> {
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

/// The first of these columns that is there.
fn first_of(table: &Table, names: &[&str]) -> Result<Option<usize>, DataError> {
    for name in names {
        if let Some(position) = table.position(name)? {
            return Ok(Some(position));
        }
    }
    Ok(None)
}
