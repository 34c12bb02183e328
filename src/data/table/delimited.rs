//! Reads tables with separated fields: `.tsv` (quotes are ordinary characters) and `.csv` (RFC 4180).

use std::cell::Cell as Shared;
use std::io::{self, Read};
use std::rc::Rc;

use super::cell::Cell;
use super::contents::{Contents, Reading, Row, Rows};
use crate::data::error::DataError;
use crate::data::format::Format;
use crate::data::limits::Limits;

/// Reads a table. If it has no header, the column names are numbers, from 0.
///
/// # Errors
/// Returns [`DataError::Invalid`] if the table is empty or malformed, or if a row does not have one field per column.
/// Returns [`DataError::Limit`] if the table exceeds the limits.
pub(super) fn read(
    file: &str,
    text: &str,
    format: Format,
    reading: &Reading<'_>,
) -> Result<Contents, DataError> {
    let mut table = Table {
        file,
        format,
        reading,
        names: None,
        rows: Rows::new(file, reading),
    };
    match format {
        Format::Csv => csv(file, text, reading.limits, &mut table)?,
        _ => tsv(file, text, reading.limits, &mut table)?,
    }
    let names = table
        .names
        .ok_or_else(|| DataError::Invalid(format!("{file} is empty")))?;
    if table.rows.count() == 0 {
        refuse_other_separators(file, &names, "", format)?;
    }
    Ok(table.rows.finish(names, "line"))
}

/// A table that is being read.
struct Table<'a> {
    file: &'a str,
    format: Format,
    reading: &'a Reading<'a>,
    /// `None` before the first record.
    names: Option<Vec<String>>,
    rows: Rows<'a>,
}

impl Table<'_> {
    /// Adds a record, given by its first line and its fields.
    fn add<'t>(
        &mut self,
        line: usize,
        fields: impl Iterator<Item = &'t str> + Clone,
    ) -> Result<(), DataError> {
        let count = fields.clone().count();
        let names = match &self.names {
            Some(names) => names,
            None => {
                self.rows.check(count, 0)?;
                if self.reading.has_header {
                    self.names = Some(fields.map(|name| name.trim().to_owned()).collect());
                    return Ok(());
                }
                let numbers = (0..count).map(|column| column.to_string());
                self.names.insert(numbers.collect())
            }
        };
        if self.rows.count() == 0 && self.reading.has_header {
            let sample = fields.clone().next().unwrap_or_default();
            refuse_other_separators(self.file, names, sample, self.format)?;
        }
        if count != names.len() {
            return Err(DataError::Invalid(format!(
                "{}, line {line}: the row has {count} fields, but the table has {} columns",
                self.file,
                names.len()
            )));
        }
        let cells = || fields.map(|field| Cell::Text(field.to_owned())).collect();
        self.rows.add(count, 0, || Row {
            line,
            cells: cells(),
        })
    }
}

fn tsv(file: &str, text: &str, limits: &Limits, table: &mut Table<'_>) -> Result<(), DataError> {
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
        if line.len() > limits.row_bytes {
            return Err(too_long(file, index + 1, limits, "shorten its texts"));
        }
        table.add(index + 1, line.split('\t'))?;
    }
    Ok(())
}

fn csv(file: &str, text: &str, limits: &Limits, table: &mut Table<'_>) -> Result<(), DataError> {
    let limit = Rc::new(Shared::new(limits.row_bytes));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(Limited {
            text: text.as_bytes(),
            place: 0,
            limit: limit.clone(),
        });
    let mut record = csv::StringRecord::new();
    loop {
        let begin = reader.position().clone();
        // The reader would keep a row of any length in memory.
        limit.set((begin.byte() as usize).saturating_add(limits.row_bytes));
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) if error.is_io_error() => {
                let remedy = "shorten its texts, and check that each quote is closed";
                return Err(too_long(file, begin.line() as usize, limits, remedy));
            }
            Err(_) => {
                return Err(DataError::Invalid(format!(
                    "{file} is not valid CSV; check its quotes"
                )));
            }
        }
        let line = record
            .position()
            .map_or(0, |position| position.line() as usize);
        // If a quote is never closed, the rest of the file becomes one field.
        if reader.position().byte() as usize >= text.len() && unclosed(text, line, &record) {
            return Err(DataError::Invalid(format!(
                "{file}, line {line}: a quote is opened but never closed; write a double quote inside a field as \"\""
            )));
        }
        table.add(line, record.iter())?;
    }
}

/// Returns the error for a row that is too long.
fn too_long(file: &str, line: usize, limits: &Limits, remedy: &str) -> DataError {
    DataError::Limit(format!(
        "{file}, line {line}: the row has more than {} bytes, which is the limit; {remedy}",
        limits.row_bytes
    ))
}

/// A text that ends with an error at the limit.
struct Limited<'a> {
    text: &'a [u8],
    place: usize,
    limit: Rc<Shared<usize>>,
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.text[self.place..];
        let left = self.limit.get().saturating_sub(self.place);
        let length = buffer.len().min(rest.len()).min(left);
        if length == 0 && !rest.is_empty() && !buffer.is_empty() {
            return Err(io::Error::other("the row is too long"));
        }
        buffer[..length].copy_from_slice(&rest[..length]);
        self.place += length;
        Ok(length)
    }
}

/// Returns whether the last record ends inside a quoted field, which means that its text has an odd number of quotes.
fn unclosed(text: &str, line: usize, fields: &csv::StringRecord) -> bool {
    let spans_lines = fields.iter().any(|field| field.contains('\n'));
    let rest = text.lines().skip(line.saturating_sub(1));
    spans_lines && rest.map(|line| line.matches('"').count()).sum::<usize>() % 2 == 1
}

/// Rejects a table with another separator: a single column whose name and first value contain that separator equally
/// often.
fn refuse_other_separators(
    file: &str,
    names: &[String],
    sample: &str,
    format: Format,
) -> Result<(), DataError> {
    let [only] = names else {
        return Ok(());
    };
    let others: &[(char, &str)] = match format {
        Format::Csv => &[(';', "semicolons"), ('\t', "tabs"), ('|', "bars")],
        _ => &[(',', "commas"), (';', "semicolons"), ('|', "bars")],
    };
    let found = others.iter().find(|(other, _)| {
        let count = only.matches(*other).count();
        count > 0 && count == sample.matches(*other).count()
    });
    let Some((separator, plural)) = found else {
        return Ok(());
    };
    let (own, remedy) = match (format, separator) {
        (Format::Csv, '\t') => ("commas", "rename the file to .tsv"),
        (Format::Csv, _) => ("commas", "export it with commas"),
        (_, ',') => ("tabs", "rename the file to .csv"),
        _ => ("tabs", "export it with tabs"),
    };
    Err(DataError::Invalid(format!(
        "{file} separates its fields with {plural}, but {own} are expected; {remedy}"
    )))
}
