//! Reads the label column of a table. All rows are read in the same way: as class names, class indices or numbers.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::error::DataError;
use super::table::Table;
use super::table::cell::Cell;
use crate::checkpoint::config::Problem;

/// The true label of an example.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// Index of the class.
    Class(usize),
    /// The number to predict.
    Value(f32),
}

/// How a label column identifies classes.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum LabelReading {
    /// By the names of `id2label`. Case is ignored if a name matches only without it.
    Names,
    /// By the indices of the classes, from 0.
    Indices,
}

impl LabelReading {
    /// Returns the name that is used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The value that means "no label" in test sets of the GLUE benchmark.
const UNLABELED: &str = "-1";

/// Maximum number of labels that a message lists.
const MAX_LISTED: usize = 20;

/// Reads the labels of these rows. A row without a label gives `None`.
///
/// # Errors
/// Returns [`DataError::Invalid`] in these cases:
///
/// - No row has a label.
/// - A label cannot be read. The message names the row, the column and the known labels.
/// - The labels can be read both as names and as indices, and the results differ. The message names both.
pub fn read(
    table: &Table,
    rows: &[usize],
    column: usize,
    problem: &Problem,
    wanted: Option<LabelReading>,
) -> Result<Vec<Option<Label>>, DataError> {
    let labels = match problem {
        Problem::Regression => numbers(table, rows, column)?,
        Problem::Classification { labels } => classes(table, rows, column, labels, wanted)?,
    };
    if labels.iter().all(Option::is_none) {
        return Err(DataError::Invalid(format!(
            "{}, column \"{}\" has no label in any row that was read: all values are empty, null or {UNLABELED}, as in the \
             test sets of benchmarks; evaluate on labeled rows",
            table.file, table.names[column]
        )));
    }
    Ok(labels)
}

/// Returns the location of a label, for messages.
fn at(table: &Table, row: usize, column: usize) -> String {
    format!("{}, column \"{}\"", table.place(row), table.names[column])
}

/// Returns the trimmed text of each cell. A cell without text gives `None`.
fn texts<'a>(
    table: &'a Table,
    rows: &[usize],
    column: usize,
) -> Result<Vec<Option<&'a str>>, DataError> {
    let texts = rows.iter().map(|&row| {
        let cell = &table.rows[row].cells[column];
        match cell {
            Cell::Null => Ok(None),
            Cell::List(_) | Cell::Nested(_) => Err(DataError::Invalid(format!(
                "{} contains {}; a label must be a single name, index or number",
                at(table, row, column),
                cell.described()
            ))),
            cell => Ok(cell.text().map(str::trim).filter(|text| !text.is_empty())),
        }
    });
    texts.collect()
}

fn numbers(table: &Table, rows: &[usize], column: usize) -> Result<Vec<Option<Label>>, DataError> {
    let texts = texts(table, rows, column)?;
    if texts
        .iter()
        .flatten()
        .all(|text| text.parse() == Ok(-1.0f32))
    {
        return Ok(vec![None; rows.len()]);
    }
    let values = texts.iter().zip(rows).map(|(text, &row)| match text {
        None => Ok(None),
        Some(text) => match text.parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(Some(Label::Value(value))),
            _ => Err(DataError::Invalid(format!(
                "{}: \"{text}\" is not a number; this model predicts a number, so labels must be numbers such as 2.5",
                at(table, row, column)
            ))),
        },
    });
    values.collect()
}

fn classes(
    table: &Table,
    rows: &[usize],
    column: usize,
    labels: &[String],
    wanted: Option<LabelReading>,
) -> Result<Vec<Option<Label>>, DataError> {
    let mut texts = texts(table, rows, column)?;
    let is_class = labels.iter().any(|label| label == UNLABELED);
    if !is_class || wanted == Some(LabelReading::Indices) {
        for text in &mut texts {
            *text = text.filter(|text| whole(text) != Some(-1));
        }
    }
    let named = table.classes.get(&table.names[column]);
    let by_name = Names::new(labels);
    let name = |text: &str| {
        let own = named.and_then(|names| name_of_index(text, names));
        by_name.class(own.unwrap_or(text))
    };
    // If a class is named "true" or "false", the text means that name.
    let has_flags = labels.len() == 2
        && ["true", "false"]
            .iter()
            .all(|flag| by_name.class(flag).is_none());
    let indexed = |text: &str| {
        let flag = has_flags.then(|| flag(text)).flatten();
        let class = usize::try_from(flag.or_else(|| whole(text))?).ok()?;
        (class < labels.len()).then_some(class)
    };
    let present: Vec<&str> = texts.iter().flatten().copied().collect();
    let by_names = present.iter().all(|text| name(text).is_some());
    let by_indices = present.iter().all(|text| indexed(text).is_some());
    let reading = match (wanted, by_names, by_indices) {
        (Some(reading), ..) => reading,
        (None, true, true) => {
            let differs = present.iter().find(|text| indexed(text) != name(text));
            // If the file itself names its class indices, the meaning is clear.
            if let Some(text) = differs.filter(|_| named.is_none()) {
                return Err(ambiguous(
                    table,
                    column,
                    labels,
                    text,
                    name(text),
                    indexed(text),
                ));
            }
            LabelReading::Names
        }
        (None, true, false) => LabelReading::Names,
        (None, false, true) => LabelReading::Indices,
        (None, false, false) => best_reading(&present, &name, &indexed),
    };
    let class = |text: &str| match reading {
        LabelReading::Names => name(text),
        LabelReading::Indices => indexed(text),
    };
    let read = texts.iter().zip(rows).map(|(text, &row)| match text {
        None => Ok(None),
        Some(text) => class(text)
            .map(|class| Some(Label::Class(class)))
            .ok_or_else(|| unknown(table, row, column, labels, text, reading, &by_name)),
    });
    read.collect()
}

/// Returns the interpretation that fits more rows. The error message names the first row that it does not fit.
fn best_reading(
    present: &[&str],
    name: &dyn Fn(&str) -> Option<usize>,
    indexed: &dyn Fn(&str) -> Option<usize>,
) -> LabelReading {
    let names = present.iter().filter(|text| name(text).is_some()).count();
    let indices = present
        .iter()
        .filter(|text| indexed(text).is_some())
        .count();
    match indices > names {
        true => LabelReading::Indices,
        false => LabelReading::Names,
    }
}

/// Parses a whole number. It may be written as a float, as pandas does in a column with missing values.
fn whole(text: &str) -> Option<i64> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole);
    }
    let value = text.parse::<f64>().ok()?;
    (value.fract() == 0.0 && value.abs() < 1e15).then_some(value as i64)
}

/// Parses `true` as 1 and `false` as 0, in any case.
fn flag(text: &str) -> Option<i64> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    match (is("true"), is("false")) {
        (true, _) => Some(1),
        (_, true) => Some(0),
        _ => None,
    }
}

/// Returns the name that the file gives to a class index.
fn name_of_index<'a>(text: &str, names: &'a [String]) -> Option<&'a str> {
    let index = usize::try_from(whole(text)?).ok()?;
    names.get(index).map(String::as_str)
}

/// The classes of the model by name.
struct Names<'a> {
    exact: HashMap<&'a str, usize>,
    /// Classes by lower-case name. `None` if several classes have this name.
    folded: HashMap<String, Option<usize>>,
    /// Names that several classes share.
    shared: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn new(labels: &'a [String]) -> Self {
        let mut names = Self {
            exact: HashMap::new(),
            folded: HashMap::new(),
            shared: HashSet::new(),
        };
        for (class, label) in labels.iter().enumerate() {
            if names.exact.insert(label, class).is_some() {
                names.shared.insert(label);
            }
            names
                .folded
                .entry(label.to_lowercase())
                .and_modify(|class| *class = None)
                .or_insert(Some(class));
        }
        names
    }

    /// Returns the class with this name, or `None` if there is none or several classes share the name.
    fn class(&self, text: &str) -> Option<usize> {
        if self.shared.contains(text) {
            return None;
        }
        let exact = self.exact.get(text).copied();
        exact.or_else(|| self.folded.get(&text.to_lowercase()).copied().flatten())
    }
}

fn listed(labels: &[String]) -> String {
    let names = labels
        .iter()
        .take(MAX_LISTED)
        .map(|label| format!("\"{label}\""));
    let more = if labels.len() > MAX_LISTED {
        " and more"
    } else {
        ""
    };
    names.collect::<Vec<_>>().join(", ") + more
}

fn unknown(
    table: &Table,
    row: usize,
    column: usize,
    labels: &[String],
    text: &str,
    reading: LabelReading,
    names: &Names<'_>,
) -> DataError {
    let place = at(table, row, column);
    let known = listed(labels);
    let last = labels.len().saturating_sub(1);
    DataError::Invalid(match (reading, names.shared.contains(text)) {
        (LabelReading::Indices, _) => format!(
            "{place}: \"{text}\" is not a class index, but the column is read as class indices; valid indices are 0 to {last} for {known} (config.json, id2label)"
        ),
        (LabelReading::Names, true) => format!(
            "{place}: \"{text}\" is ambiguous, because several classes of id2label have this name; rename them, or write indices from 0 to {last}"
        ),
        (LabelReading::Names, false) => format!(
            "{place}: \"{text}\" is not a label of this model; its labels are {known} (config.json, id2label), or the indices 0 to {last}"
        ),
    })
}

fn ambiguous(
    table: &Table,
    column: usize,
    labels: &[String],
    text: &str,
    by_name: Option<usize>,
    by_index: Option<usize>,
) -> DataError {
    let label = |class: Option<usize>| {
        let class = class.unwrap_or_default();
        format!(
            "class {class} (\"{}\")",
            labels.get(class).map_or("", String::as_str)
        )
    };
    DataError::Invalid(format!(
        "{}, column \"{}\": \"{text}\" can be the name of {} or the index of {}; set mapping \"labels\" (--label-encoding) to \"{}\" or \"{}\"",
        table.file,
        table.names[column],
        label(by_name),
        label(by_index),
        LabelReading::Names.as_str(),
        LabelReading::Indices.as_str(),
    ))
}
