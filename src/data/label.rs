//! The label column of a table: one way of reading it for all rows.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::error::DataError;
use super::table::Table;
use super::table::cell::Cell;
use crate::checkpoint::config::Problem;

/// The truth about an example.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// Index of the class.
    Class(usize),
    /// The number to be predicted.
    Value(f32),
}

/// How a column names classes.
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
    /// By the names of `id2label`, as written or without regard to case.
    Names,
    /// By their indices, from 0.
    Indices,
}

impl LabelReading {
    /// The word that names it in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What stands for "no label" in test sets of the GLUE benchmark.
const UNLABELLED: &str = "-1";

/// Labels that are listed in a message.
const LISTED: usize = 20;

/// Reads the labels of these rows; `None` for a row without one.
///
/// # Errors
/// When no row has a label, or a label cannot be read, naming row, column and the labels that are known; or both readings
/// fit and differ, naming them.
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
            "{}, column \"{}\" has no label in any row that is read (empty, null or {UNLABELLED}, as test sets of benchmarks have it); \
             evaluate on labelled rows",
            table.file, table.names[column]
        )));
    }
    Ok(labels)
}

/// A label column and where it is, for messages.
fn at(table: &Table, row: usize, column: usize) -> String {
    format!("{}, column \"{}\"", table.place(row), table.names[column])
}

/// The text of each cell; `None` where there is none.
fn texts<'a>(
    table: &'a Table,
    rows: &[usize],
    column: usize,
) -> Result<Vec<Option<&'a str>>, DataError> {
    let texts = rows.iter().map(|&row| {
        let cell = &table.rows[row].cells[column];
        match cell {
            Cell::Null => Ok(None),
            Cell::Nested(kind) => Err(DataError::Invalid(format!(
                "{} holds {kind}; a label is one name, index or number",
                at(table, row, column)
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
                "{}: \"{text}\" is no number; this model predicts one number, written like 2.5",
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
    let is_class = labels.iter().any(|label| label == UNLABELLED);
    if !is_class || wanted == Some(LabelReading::Indices) {
        for text in &mut texts {
            *text = text.filter(|text| whole(text) != Some(-1));
        }
    }
    let named = table.classes.get(&table.names[column]);
    let by_name = Names::new(labels);
    let name = |text: &str| {
        let own = named.and_then(|names| of_index(text, names));
        by_name.class(own.unwrap_or(text))
    };
    // A class called "true" is meant by its name.
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
            // Names that the file itself gives to its indices leave no doubt.
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
        (None, false, false) => nearest(&present, &name, &indexed),
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

/// The reading that fits more rows, for the message that names the first that it does not fit.
fn nearest(
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

/// A whole number, which may be written as a float: pandas writes a column with a gap so.
fn whole(text: &str) -> Option<i64> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole);
    }
    let value = text.parse::<f64>().ok()?;
    (value.fract() == 0.0 && value.abs() < 1e15).then_some(value as i64)
}

/// `true` and `false` are 1 and 0.
fn flag(text: &str) -> Option<i64> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    match (is("true"), is("false")) {
        (true, _) => Some(1),
        (_, true) => Some(0),
        _ => None,
    }
}

/// The name that the file gives to an index.
fn of_index<'a>(text: &str, names: &'a [String]) -> Option<&'a str> {
    let index = usize::try_from(whole(text)?).ok()?;
    names.get(index).map(String::as_str)
}

/// The model's labels by name, and without regard to case where that tells them apart.
struct Names<'a> {
    exact: HashMap<&'a str, usize>,
    folded: HashMap<String, Option<usize>>,
    /// Names that several labels share.
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

    /// A name that several labels share names no class.
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
        .take(LISTED)
        .map(|label| format!("\"{label}\""));
    let more = if labels.len() > LISTED { ", .." } else { "" };
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
            "{place}: \"{text}\" is no index of a class, as the column's other labels are; indices are 0 to {last} for {known} (config.json, id2label)"
        ),
        (LabelReading::Names, true) => format!(
            "{place}: \"{text}\" cannot be told apart, for several classes of id2label have this name; rename them, or write indices, 0 to {last}"
        ),
        (LabelReading::Names, false) => format!(
            "{place}: \"{text}\" is no label of this model; its labels are {known} (config.json, id2label), or 0 to {last}"
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
        "{}, column \"{}\": \"{text}\" may be the name of {} or the index of {}; say which by mapping \"labels\" (--labels): \"{}\" or \"{}\"",
        table.file,
        table.names[column],
        label(by_name),
        label(by_index),
        LabelReading::Names.as_str(),
        LabelReading::Indices.as_str(),
    ))
}
