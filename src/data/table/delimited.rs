//! Reads tables with separated fields: `.tsv` (quotes are ordinary characters) and `.csv` (RFC 4180).

use super::cell::Cell;
use super::{Contents, Reading, Row, check_fields};
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
    let records = match format {
        Format::Csv => csv(file, text, reading.limits)?,
        _ => tsv(file, text, reading.limits)?,
    };
    let mut records = records.into_iter().peekable();
    let Some((_, first)) = records.peek() else {
        return Err(DataError::Invalid(format!("{file} is empty")));
    };
    let names: Vec<String> = match reading.has_header {
        true => first.iter().map(|name| name.trim().to_owned()).collect(),
        false => (0..first.len()).map(|column| column.to_string()).collect(),
    };
    if reading.has_header {
        records.next();
        let sample = records.peek().map_or("", |(_, fields)| fields[0].as_str());
        refuse_other_separators(file, &names, sample, format)?;
    }
    let rows = records.map(|(line, fields)| {
        if fields.len() != names.len() {
            return Err(DataError::Invalid(format!(
                "{file}, line {line}: the row has {} fields, but the table has {} columns",
                fields.len(),
                names.len()
            )));
        }
        let cells = fields.into_iter().map(Cell::Text).collect();
        Ok(Row { line, cells })
    });
    let rows = rows.collect::<Result<_, _>>()?;
    Ok(Contents::new(names, rows, 0, "line"))
}

/// Records with their line numbers.
type Records = Vec<(usize, Vec<String>)>;

fn tsv(file: &str, text: &str, limits: &Limits) -> Result<Records, DataError> {
    let mut records: Records = Vec::new();
    let lines = text.lines().enumerate();
    for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
        // The check is before the push, because the header does not count as a row.
        check_fields(file, records.len(), fields.len(), 0, limits)?;
        records.push((index + 1, fields));
    }
    Ok(records)
}

fn csv(file: &str, text: &str, limits: &Limits) -> Result<Records, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut records: Records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|_| {
            DataError::Invalid(format!("{file} is not valid CSV; check its quotes"))
        })?;
        let line = record
            .position()
            .map_or(0, |position| position.line() as usize);
        check_fields(file, records.len(), record.len(), 0, limits)?;
        records.push((line, record.iter().map(str::to_owned).collect()));
    }
    // If a quote is never closed, the rest of the file becomes one field.
    if let Some((line, fields)) = records.last()
        && unclosed(text, *line, fields)
    {
        return Err(DataError::Invalid(format!(
            "{file}, line {line}: a quote is opened but never closed; write a double quote inside a field as \"\""
        )));
    }
    Ok(records)
}

/// Returns whether the last record ends inside a quoted field, which means that its text has an odd number of quotes.
fn unclosed(text: &str, line: usize, fields: &[String]) -> bool {
    let spans_lines = fields.iter().any(|field: &String| field.contains('\n'));
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
