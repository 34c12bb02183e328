//! Reads texts in the format of the CoNLL tasks (`.conll`): a word and its labels per line, in columns that white space
//! separates, and an empty line after each sentence.
//!
//! Each sentence is a row, and each column is a list. The first column is `tokens` and the last one `tags`. Those between
//! them are numbers, from 1. Lines that begin with `-DOCSTART-` divide documents and are left out, as are comments: lines
//! before a sentence that begin with `# `, unless they have as many columns as its last line.

use super::cell::{self, Cell};
use super::contents::{Contents, Reading, Row, Rows};
use super::list::List;
use crate::data::error::DataError;

/// Begins a line between two documents.
const DOCUMENT: &str = "-DOCSTART-";

/// Begins a comment.
const COMMENT: &str = "# ";

/// Reads the sentences.
///
/// # Errors
/// Returns [`DataError::Invalid`] if there is none, or if a line does not have one field per column, and
/// [`DataError::Limit`] if the table exceeds the limits.
pub(super) fn read(file: &str, text: &str, reading: &Reading<'_>) -> Result<Contents, DataError> {
    let mut lines = (1..).zip(text.lines());
    let (mut names, mut rows): (Vec<String>, _) = (Vec::new(), Rows::new(file, reading));
    while let Some((line, words)) = sentence(&mut lines) {
        if names.is_empty() {
            names = named(words[0].1.split_whitespace().count(), reading.has_header);
            rows.check(names.len(), 0)?;
        }
        add(file, &names, line, &words, reading, &mut rows)?;
    }
    match names.is_empty() {
        true => Err(DataError::Invalid(format!("{file} is empty"))),
        false => Ok(rows.finish(names, "line")),
    }
}

/// A line with its number.
type Line<'t> = (usize, &'t str);

/// Returns the lines of the next sentence, and the number of the first one.
fn sentence<'t>(lines: &mut impl Iterator<Item = Line<'t>>) -> Option<(usize, Vec<Line<'t>>)> {
    let divides = |line: &str| line.trim().is_empty() || line.starts_with(DOCUMENT);
    let first = lines.find(|(_, line)| !divides(line))?;
    let others = lines.take_while(|(_, line)| !divides(line));
    let mut words: Vec<Line<'t>> = std::iter::once(first).chain(others).collect();
    let columns = |line: &str| line.split_whitespace().count();
    let last = words.last().map_or(0, |(_, line)| columns(line));
    let is_comment = |line: &str| line.starts_with(COMMENT) && columns(line) != last;
    let comments = words
        .iter()
        .take_while(|(_, line)| is_comment(line))
        .count();
    words.drain(..comments);
    Some((words.first()?.0, words))
}

/// Returns the names of so many columns.
fn named(columns: usize, with_names: bool) -> Vec<String> {
    let names = (0..columns).map(|column| match column {
        0 if with_names => "tokens".to_owned(),
        last if with_names && last + 1 == columns => "tags".to_owned(),
        column => column.to_string(),
    });
    names.collect()
}

/// Adds a sentence.
fn add(
    file: &str,
    names: &[String],
    line: usize,
    words: &[Line<'_>],
    reading: &Reading<'_>,
    rows: &mut Rows<'_>,
) -> Result<(), DataError> {
    let bytes: usize = words.iter().map(|(_, word)| word.len()).sum();
    if bytes > reading.limits.row_bytes {
        return Err(DataError::Limit(format!(
            "{file}, line {line} begins a sentence of {bytes} bytes, but the limit is {}; end sentences with an empty line",
            reading.limits.row_bytes
        )));
    }
    let wanted: Vec<bool> = names.iter().map(|name| (reading.lists)(name)).collect();
    let items = wanted.iter().filter(|wanted| **wanted).count() * words.len();
    rows.check(names.len(), items)?;
    let mut lists = vec![List::default(); names.len()];
    for (number, word) in words {
        let count = word.split_whitespace().count();
        if count != names.len() {
            return Err(DataError::Invalid(format!(
                "{file}, line {number}: the line has {count} columns, but the first one has {}; separate columns with spaces or \
                 tabs, and sentences with an empty line",
                names.len()
            )));
        }
        let fields = word.split_whitespace().zip(&mut lists).zip(&wanted);
        for ((field, list), _) in fields.filter(|(_, wanted)| **wanted) {
            list.push(Some(field));
        }
    }
    rows.add(names.len(), items, || Row {
        line,
        cells: lists
            .into_iter()
            .zip(&wanted)
            .map(|(list, &wanted)| match wanted {
                true => list.into(),
                false => Cell::Nested(cell::LIST),
            })
            .collect(),
    })
}
