//! Tables of separated fields: `.tsv` (quotes are ordinary) and `.csv` (RFC 4180).

use super::cell::Cell;
use super::{Contents, Row};
use crate::data::error::DataError;
use crate::data::format::Format;

/// Reads a table. `has_header` says whether its first row names the columns; they are numbered otherwise.
///
/// # Errors
/// When it is empty, or a row has another number of fields than there are columns.
pub(super) fn read(
    file: &str,
    text: &str,
    format: Format,
    has_header: bool,
) -> Result<Contents, DataError> {
    let records = match format {
        Format::Csv => csv(file, text)?,
        _ => tsv(text),
    };
    let mut records = records.into_iter().peekable();
    let Some((_, first)) = records.peek() else {
        return Err(DataError::Invalid(format!("{file} is empty")));
    };
    let names: Vec<String> = match has_header {
        true => first.iter().map(|name| name.trim().to_owned()).collect(),
        false => (0..first.len()).map(|column| column.to_string()).collect(),
    };
    if has_header {
        refuse_other_separators(file, &names, format)?;
        records.next();
    }
    let rows = records.map(|(line, fields)| {
        if fields.len() != names.len() {
            return Err(DataError::Invalid(format!(
                "{file}, line {line}: {} fields where {} columns are",
                fields.len(),
                names.len()
            )));
        }
        let cells = fields.into_iter().map(Cell::Text).collect();
        Ok(Row { line, cells })
    });
    let rows = rows.collect::<Result<_, _>>()?;
    Ok(Contents::new(names, rows))
}

/// Lines and their fields.
type Records = Vec<(usize, Vec<String>)>;

fn tsv(text: &str) -> Records {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty());
    lines
        .map(|(index, line)| (index + 1, line.split('\t').map(str::to_owned).collect()))
        .collect()
}

fn csv(file: &str, text: &str) -> Result<Records, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut records: Records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|_| {
            DataError::Invalid(format!(
                "{file} is no csv that can be read; check its quotes"
            ))
        })?;
        let line = record
            .position()
            .map_or(0, |position| position.line() as usize);
        records.push((line, record.iter().map(str::to_owned).collect()));
    }
    // A quote that is never closed swallows the rest of the file into one field.
    if let Some((line, fields)) = records.last()
        && unclosed(text, *line, fields)
    {
        return Err(DataError::Invalid(format!(
            "{file}, line {line}: a quote is opened and never closed; double quotes inside a field are written \"\""
        )));
    }
    Ok(records)
}

/// Whether the last record ends inside a quoted field: its text has an odd number of quotes.
fn unclosed(text: &str, line: usize, fields: &[String]) -> bool {
    let spans_lines = fields.iter().any(|field: &String| field.contains('\n'));
    let rest = text.lines().skip(line.saturating_sub(1));
    spans_lines && rest.map(|line| line.matches('"').count()).sum::<usize>() % 2 == 1
}

/// One column whose name holds another separator is a table of that other kind.
fn refuse_other_separators(file: &str, names: &[String], format: Format) -> Result<(), DataError> {
    let [only] = names else {
        return Ok(());
    };
    let others: &[(char, &str)] = match format {
        Format::Csv => &[(';', "semicolons"), ('\t', "tabs"), ('|', "bars")],
        _ => &[(',', "commas"), (';', "semicolons"), ('|', "bars")],
    };
    let Some((separator, plural)) = others.iter().find(|(other, _)| only.contains(*other)) else {
        return Ok(());
    };
    let (own, remedy) = match (format, separator) {
        (Format::Csv, '\t') => ("commas", "name the file .tsv"),
        (Format::Csv, _) => ("commas", "export it with commas"),
        (_, ',') => ("tabs", "name the file .csv"),
        _ => ("tabs", "export it with tabs"),
    };
    Err(DataError::Invalid(format!(
        "{file} separates its fields by {plural} where {own} are expected; {remedy}"
    )))
}
