//! Reads the JSON files beside the weights. Errors give the line and column.

use std::path::Path;

use serde_json::error::Category;
use serde_json::{Map, Value};

use super::error::CheckpointError;
use super::small_file;
use crate::unique_json::{self, Refusal};

/// Number of bytes before and after an error that are searched for its cause.
const CONTEXT_BYTES: usize = 10;

/// Parses the content of a file as a JSON object with at most this number of values.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if it is not a JSON object, or if an object in it contains a key twice. The message
/// names the file, and the location or the key. Returns [`CheckpointError::Limit`] if it has more values.
pub(super) fn object(
    path: &Path,
    bytes: &[u8],
    max_values: usize,
) -> Result<Map<String, Value>, CheckpointError> {
    let wrong = |why: String| {
        CheckpointError::Invalid(format!(
            "{} is not a valid JSON object: {why}",
            path.display()
        ))
    };
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(wrong(
            "it begins with a byte order mark; save it as UTF-8 without one".to_owned(),
        ));
    }
    match unique_json::parse(bytes, max_values) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Array(_)) => Err(wrong("it is a list".to_owned())),
        Ok(_) => Err(wrong("it is a single value".to_owned())),
        Err(Refusal::Duplicate(found)) => Err(wrong(format!(
            "it contains the key \"{}\" twice in one object; remove one",
            found.key
        ))),
        Err(Refusal::TooMany(most)) => Err(CheckpointError::Limit(format!(
            "{} contains too many values: the limit is {most}",
            path.display()
        ))),
        Err(Refusal::Syntax(error)) => Err(wrong(place(bytes, &error))),
    }
}

fn place(bytes: &[u8], error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if error.classify() == Category::Eof {
        return format!("it ends too early, on line {line}; copy or download it again");
    }
    let text = bytes
        .split(|&byte| byte == b'\n')
        .nth(line.saturating_sub(1))
        .unwrap_or_default();
    let from = column.saturating_sub(CONTEXT_BYTES);
    let near = String::from_utf8_lossy(
        &text[from.min(text.len())..(column + CONTEXT_BYTES).min(text.len())],
    );
    // Only Python writes these values as JSON and reads them again.
    match ["NaN", "Infinity"]
        .into_iter()
        .find(|word| near.contains(word))
    {
        Some(word) => format!(
            "line {line} contains {word}, which is not valid JSON; write a number or null instead"
        ),
        None => format!("line {line}, column {column} is not valid JSON"),
    }
}

/// Reads the JSON object in a file of a folder. Returns `None` if the folder has no such file. `wrong` converts the
/// message about an invalid file to an error.
///
/// # Errors
/// Returns [`CheckpointError`] if the file cannot be read, has more than `max_bytes` bytes or `max_values` values, or is not a
/// JSON object.
pub(super) fn optional_object(
    folder: &Path,
    name: &str,
    (max_bytes, max_values): (u64, usize),
    wrong: fn(String) -> CheckpointError,
) -> Result<Option<Map<String, Value>>, CheckpointError> {
    let path = folder.join(name);
    if !path.exists() {
        return Ok(None);
    }
    let read =
        small_file::read(&path, max_bytes).and_then(|bytes| object(&path, &bytes, max_values));
    match read {
        Ok(object) => Ok(Some(object)),
        Err(CheckpointError::Invalid(why)) => Err(wrong(why)),
        Err(error) => Err(error),
    }
}
