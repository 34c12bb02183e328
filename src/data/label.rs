//! Reads the label column of a table. All rows are read in the same way: as class names, class indices or numbers.

use std::collections::{HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::error::DataError;
use super::table::cell::Cell;
use super::table::column::Column;
use super::table::list::List;

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
    /// By the names in `id2label`. Case is ignored if a name matches only without it.
    Names,
    /// By index, starting at 0.
    Indices,
}

impl LabelReading {
    /// Returns the name that is used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Common names of label columns in public data sets.
pub const COLUMNS: &[&str] = &[
    "label",
    "labels",
    "class",
    "category",
    "target",
    "score",
    "Quality",
    "gold_label",
];

/// The value that means "no label" in test sets of the GLUE benchmark.
const UNLABELED: &str = "-1";

/// Maximum number of labels that a message lists.
const MAX_LISTED: usize = 20;

/// Returns the lists of a column. A field without a value gives `None`.
///
/// # Errors
/// Returns [`DataError::Invalid`] if no row has a list, or if a field has another value. The message names the row and
/// the column.
pub fn lists(column: Column<'_>) -> Result<Vec<Option<&List>>, DataError> {
    let lists = column.rows.iter().map(|&row| match column.cell(row) {
        Cell::Null => Ok(None),
        _ => column.table.list(row, column.position).map(Some),
    });
    any_labeled(lists.collect::<Result<_, _>>()?, column)
}

/// Returns the labels, unless no row has one.
fn any_labeled<T>(labels: Vec<Option<T>>, column: Column<'_>) -> Result<Vec<Option<T>>, DataError> {
    if labels.iter().all(Option::is_none) {
        return Err(DataError::Invalid(format!(
            "{}, column \"{}\" has no label in any row that was read: all values are empty, null or {UNLABELED}, as in the \
             test sets of benchmarks; evaluate on labeled rows",
            column.table.file,
            column.name()
        )));
    }
    Ok(labels)
}

/// Returns the trimmed text of each cell. A cell without text gives `None`.
fn texts(column: Column<'_>) -> Result<Vec<Option<&str>>, DataError> {
    let texts = column.rows.iter().map(|&row| match column.cell(row) {
        Cell::Null => Ok(None),
        cell @ (Cell::List(_) | Cell::Nested(_)) => Err(DataError::Invalid(format!(
            "{} contains {}; a label must be a single name, index or number",
            column.place(row),
            cell.described()
        ))),
        cell => Ok(cell.text().map(str::trim).filter(|text| !text.is_empty())),
    });
    texts.collect()
}

/// Reads the numbers of these rows. A row without a number gives `None`.
///
/// # Errors
/// Returns [`DataError::Invalid`] if no row has a number, or if a value is not a number. The message names the row and
/// the column.
pub fn numbers(column: Column<'_>) -> Result<Vec<Option<f32>>, DataError> {
    let texts = texts(column)?;
    if texts
        .iter()
        .flatten()
        .all(|text| text.parse() == Ok(-1.0f32))
    {
        return any_labeled(vec![None; column.rows.len()], column);
    }
    let values = texts.iter().zip(column.rows).map(|(text, &row)| match text {
        None => Ok(None),
        Some(text) => match text.parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(DataError::Invalid(format!(
                "{}: \"{text}\" is not a number; this model predicts a number, so labels must be numbers such as 2.5",
                column.place(row)
            ))),
        },
    });
    any_labeled(values.collect::<Result<_, _>>()?, column)
}

/// Reads the classes of these rows, as indices into `labels`. A row without a label gives `None`.
///
/// # Errors
/// Returns [`DataError::Invalid`] in these cases:
///
/// - No row has a label.
/// - A label cannot be read. The message names the row, the column and the known labels.
/// - The labels can be read both as names and as indices, and the results differ. The message names both.
pub fn classes(
    column: Column<'_>,
    labels: &[String],
    wanted: Option<LabelReading>,
) -> Result<Vec<Option<usize>>, DataError> {
    let mut texts = texts(column)?;
    let is_class = labels.iter().any(|label| label == UNLABELED);
    if !is_class || wanted == Some(LabelReading::Indices) {
        for text in &mut texts {
            *text = text.filter(|text| whole(text) != Some(-1));
        }
    }
    let present: Vec<&str> = texts.iter().flatten().copied().collect();
    let classes = Classes::decide(column, labels, wanted, &present)?;
    let read = texts.iter().zip(column.rows);
    let read = read.map(|(text, &row)| text.map(|text| classes.class(text, row)).transpose());
    any_labeled(read.collect::<Result<_, _>>()?, column)
}

/// Reads the classes of the items of lists, as indices into `labels`. `lists` are the [`lists`] of the column. An item
/// without a value, or that is `ignored`, gives `None`.
///
/// # Errors
/// Returns [`DataError::Invalid`] if an item cannot be read, or if the items can be read both as names and as indices
/// and the results differ, as [`classes`] does.
pub fn classes_of_lists(
    column: Column<'_>,
    lists: &[Option<&List>],
    labels: &[String],
    wanted: Option<LabelReading>,
    ignored: impl Fn(&str) -> bool,
) -> Result<Vec<Option<Vec<Option<usize>>>>, DataError> {
    let present = lists.iter().flatten();
    let present: Vec<&str> = present
        .flat_map(|list| list.iter().flatten())
        .filter(|item| !ignored(item))
        .collect();
    let classes = Classes::decide(column, labels, wanted, &present)?;
    let read = lists.iter().zip(column.rows).map(|(list, &row)| {
        let class = |item: Option<&str>| {
            let item = item.filter(|item| !ignored(item));
            item.map(|item| classes.class(item, row)).transpose()
        };
        list.map(|list| list.iter().map(class).collect())
            .transpose()
    });
    read.collect()
}

/// The classes of a column. All values are read in the same way: as names, or as indices.
struct Classes<'a> {
    column: Column<'a>,
    labels: &'a [String],
    by_name: Names<'a>,
    /// Names that the file gives to class indices.
    named: Option<&'a [String]>,
    /// Whether `true` and `false` are the indices of two classes.
    has_flags: bool,
    reading: LabelReading,
}

impl<'a> Classes<'a> {
    /// Decides how the values of a column are read. `present` holds all of them.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if the values can be read both as names and as indices, and the results differ.
    fn decide(
        column: Column<'a>,
        labels: &'a [String],
        wanted: Option<LabelReading>,
        present: &[&str],
    ) -> Result<Self, DataError> {
        let by_name = Names::new(labels);
        // If a class is named "true" or "false", the text means that name.
        let has_flags = labels.len() == 2
            && ["true", "false"]
                .iter()
                .all(|flag| by_name.class(flag).is_none());
        let mut classes = Self {
            column,
            labels,
            by_name,
            named: column.table.classes.get(column.name()).map(Vec::as_slice),
            has_flags,
            reading: LabelReading::Names,
        };
        let (name, index) = (
            |text: &str| classes.of_name(text),
            |text: &str| classes.of_index(text),
        );
        let by_names = present.iter().all(|text| name(text).is_some());
        let by_indices = present.iter().all(|text| index(text).is_some());
        let reading = match (wanted, by_names, by_indices) {
            (Some(reading), ..) => reading,
            (None, true, true) => {
                let differs = present.iter().find(|text| index(text) != name(text));
                // If the file itself names its class indices, the meaning is clear.
                if let Some(text) = differs.filter(|_| classes.named.is_none()) {
                    return Err(classes.ambiguous(text));
                }
                LabelReading::Names
            }
            (None, true, false) => LabelReading::Names,
            (None, false, true) => LabelReading::Indices,
            (None, false, false) => best_reading(present, &name, &index),
        };
        classes.reading = reading;
        Ok(classes)
    }

    /// Returns the class of a value in a row.
    ///
    /// # Errors
    /// Returns [`DataError::Invalid`] if the value is not a class. The message names the row, the column and the known
    /// labels.
    fn class(&self, text: &str, row: usize) -> Result<usize, DataError> {
        let class = match self.reading {
            LabelReading::Names => self.of_name(text),
            LabelReading::Indices => self.of_index(text),
        };
        class.ok_or_else(|| self.unknown(text, row))
    }

    fn of_name(&self, text: &str) -> Option<usize> {
        let own = self.named.and_then(|names| name_of_index(text, names));
        self.by_name.class(own.unwrap_or(text))
    }

    fn of_index(&self, text: &str) -> Option<usize> {
        let flag = self.has_flags.then(|| flag(text)).flatten();
        let class = usize::try_from(flag.or_else(|| whole(text))?).ok()?;
        (class < self.labels.len()).then_some(class)
    }

    fn unknown(&self, text: &str, row: usize) -> DataError {
        let place = self.column.place(row);
        let known = listed(self.labels);
        let last = self.labels.len().saturating_sub(1);
        DataError::Invalid(match (self.reading, self.by_name.shared.contains(text)) {
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

    fn ambiguous(&self, text: &str) -> DataError {
        let label = |class: Option<usize>| {
            let class = class.unwrap_or_default();
            let name = self.labels.get(class).map_or("", String::as_str);
            format!("class {class} (\"{name}\")")
        };
        DataError::Invalid(format!(
            "{}, column \"{}\": \"{text}\" can be the name of {} or the index of {}; set mapping \"labels\" (--label-encoding) to \"{}\" or \"{}\"",
            self.column.table.file,
            self.column.name(),
            label(self.of_name(text)),
            label(self.of_index(text)),
            LabelReading::Names.as_str(),
            LabelReading::Indices.as_str(),
        ))
    }
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
