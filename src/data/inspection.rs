//! What a dataset holds, before it is known which model reads it: its columns and its first rows.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::excerpt::beginning;
use super::format::Format;
use super::image;
use super::limits::Limits;
use super::mapping::Mapping;
use super::table::Table;
use super::table::cell::Cell;

/// Maximum number of rows and columns that are shown.
const MAX_ROWS: usize = 3;
const MAX_COLUMNS: usize = 100;

/// Maximum length of a name or value that is shown, in characters.
const MAX_CHARS: usize = 200;

/// The columns and the first rows of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// Number of rows.
    pub rows: usize,
    /// Names of the first columns. Long ones are cut.
    pub columns: Vec<String>,
    /// Number of all columns.
    pub column_count: usize,
    /// The first rows, with a value for each of `columns`. `None` for a field without a value. Long values are cut.
    pub sample: Vec<Vec<Option<String>>>,
}

/// Reads the columns and the first rows of a data file, a folder of shards, or images. Of images, only the list is read.
///
/// # Errors
/// Returns [`DataError`] if the source is neither a table nor images, or exceeds the limits.
pub fn inspect(path: &Path, mapping: &Mapping, limits: &Limits) -> Result<Inspection, DataError> {
    let read = || {
        let left_out = |column: &str| image::is_column(column);
        Table::first(path, MAX_ROWS, !mapping.is_numbered(), &left_out, limits)
    };
    let table = match path.is_dir() {
        // A table may list the images of a folder.
        true => image::list(path, mapping, limits).or_else(|error| match has_table(path) {
            true => read(),
            false => Err(error),
        })?,
        false if is_table(path) == Some(false) => image::list(path, mapping, limits)?,
        // A name without a known ending gets the message of tables.
        false => read()?,
    };
    let shown = table.rows.iter().take(MAX_ROWS);
    let sample = shown.map(|row| row.cells.iter().take(MAX_COLUMNS).map(value).collect());
    Ok(Inspection {
        rows: table.count,
        sample: sample.collect(),
        column_count: table.names.len(),
        columns: table
            .names
            .iter()
            .take(MAX_COLUMNS)
            .map(|name| cut(name))
            .collect(),
    })
}

/// Whether a file is a table, by its name. `None` if its ending is not known.
fn is_table(path: &Path) -> Option<bool> {
    Format::of(&path.to_string_lossy()).map(|(format, _)| format.is_table())
}

/// Whether a table is directly in a folder.
fn has_table(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths = entries.map(|entry| entry.path());
    paths.any(|path| path.is_file() && is_table(&path) == Some(true))
}

/// A value as text: a list in brackets, and the kind of a value that is not read in angle brackets.
fn value(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(_) | Cell::Flag(_) => cell.text().map(cut),
        Cell::Nested(kind) => Some(format!("<{kind}>")),
        Cell::List(list) => {
            let mut text = String::from("[");
            for (index, item) in list.iter().enumerate() {
                if text.len() > MAX_CHARS * 4 {
                    break;
                }
                let separator = if index == 0 { "" } else { ", " };
                text.push_str(separator);
                text.push_str(&cut(item.unwrap_or("null")));
            }
            text.push(']');
            Some(cut(&text))
        }
    }
}

fn cut(text: &str) -> String {
    beginning(text, MAX_CHARS)
}

#[cfg(test)]
mod tests {
    use super::{MAX_CHARS, cut, value};
    use crate::data::table::cell::Cell;

    #[test]
    fn values_are_short_texts() {
        let long = "ä".repeat(MAX_CHARS + 1);
        let shown = cut(&long);
        assert_eq!(shown.chars().count(), MAX_CHARS + 1);
        assert!(shown.ends_with("ä…"), "{shown}");
        assert_eq!(cut(&long[..MAX_CHARS * 2]), long[..MAX_CHARS * 2]);
        let list = Cell::from(
            [Some("a"), None]
                .into_iter()
                .collect::<crate::data::table::list::List>(),
        );
        assert_eq!(value(&list).as_deref(), Some("[a, null]"));
        let many: crate::data::table::list::List =
            (0..10_000).map(|_| Some(long.as_str())).collect();
        let shown = value(&Cell::from(many)).unwrap_or_default();
        assert_eq!(shown.chars().count(), MAX_CHARS + 1);
        assert_eq!(value(&Cell::Nested("bytes")).as_deref(), Some("<bytes>"));
        assert_eq!(value(&Cell::Flag(true)).as_deref(), Some("true"));
        assert_eq!(value(&Cell::Null), None);
    }
}
