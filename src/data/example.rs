//! One example: tokens, and a label where it was asked for.

use super::error::DataError;
use super::table::{Row, Table};
use crate::checkpoint::config::Problem;

/// Tokens of one row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Vocabulary indices, special tokens included.
    pub ids: Vec<u32>,
    /// Segments.
    pub types: Vec<u32>,
    /// The truth; `None` where labels are not read.
    pub label: Option<Label>,
}

/// The truth about an example.
#[derive(Clone, Debug, PartialEq)]
pub enum Label {
    /// Index of the class.
    Class(usize),
    /// The number to be predicted.
    Value(f32),
}

impl Label {
    /// Reads a label: a class by its name (as written, then without regard to case) or by its index, or a number for a
    /// regression.
    ///
    /// # Errors
    /// When it is none, naming line, column, and the labels that are known.
    pub fn read(
        table: &Table,
        row: &Row,
        column: usize,
        problem: &Problem,
    ) -> Result<Self, DataError> {
        let text = row.fields[column].trim();
        let place = format!(
            "{}, line {}, column \"{}\"",
            table.file, row.line, table.names[column]
        );
        match problem {
            Problem::Regression => match text.parse::<f32>() {
                Ok(value) if value.is_finite() => Ok(Self::Value(value)),
                _ => Err(DataError::Invalid(format!(
                    "{place}: \"{text}\" is no number; this model predicts one number"
                ))),
            },
            Problem::Classification { labels } => {
                let exact = labels.iter().position(|label| label == text);
                let relaxed = || {
                    labels
                        .iter()
                        .position(|label| label.to_lowercase() == text.to_lowercase())
                };
                let index = || {
                    text.parse::<usize>()
                        .ok()
                        .filter(|&index| index < labels.len())
                };
                exact.or_else(relaxed).or_else(index).map(Self::Class).ok_or_else(|| {
                    let known = labels.iter().take(20).map(|label| format!("\"{label}\"")).collect::<Vec<_>>().join(", ");
                    let more = if labels.len() > 20 { ", .." } else { "" };
                    DataError::Invalid(format!(
                        "{place}: \"{text}\" is no label of this model; its labels are {known}{more} (config.json, id2label), or 0 to {}",
                        labels.len() - 1
                    ))
                })
            }
        }
    }
}
