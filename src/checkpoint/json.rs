//! JSON files that people and programs write beside the weights: what is wrong with one is told by line and column.

use std::path::Path;

use serde_json::error::Category;
use serde_json::{Map, Value};

use super::error::CheckpointError;
use super::small_file;

/// Characters around the place of an error that are looked at.
const AROUND: usize = 10;

/// The object in these bytes of a file.
///
/// # Errors
/// When it is something else, naming the file and the place.
pub(super) fn object(path: &Path, bytes: &[u8]) -> Result<Map<String, Value>, CheckpointError> {
    let wrong = |why: String| {
        CheckpointError::Invalid(format!("{} is no JSON object: {why}", path.display()))
    };
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(wrong(
            "it begins with a byte order mark; save it as UTF-8 without one".to_owned(),
        ));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Array(_)) => Err(wrong("it is a list".to_owned())),
        Ok(_) => Err(wrong("it is a single value".to_owned())),
        Err(error) => Err(wrong(place(bytes, &error))),
    }
}

fn place(bytes: &[u8], error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    if error.classify() == Category::Eof {
        return format!("it ends too early, in line {line}; copy or download it again");
    }
    let text = bytes
        .split(|&byte| byte == b'\n')
        .nth(line.saturating_sub(1))
        .unwrap_or_default();
    let from = column.saturating_sub(AROUND);
    let near =
        String::from_utf8_lossy(&text[from.min(text.len())..(column + AROUND).min(text.len())]);
    // Python writes these, and reads them back; nobody else does.
    match ["NaN", "Infinity"]
        .into_iter()
        .find(|word| near.contains(word))
    {
        Some(word) => format!(
            "line {line} holds {word}, which JSON has no number for; write a number or null there"
        ),
        None => format!("line {line}, column {column} is no valid JSON"),
    }
}

/// The object in a file of a folder; `None` where the folder has no file of that name. `wrong` says whose file it is.
///
/// # Errors
/// When it cannot be read, is larger than `most` bytes, or is no JSON object.
pub(super) fn object_where_there(
    folder: &Path,
    name: &str,
    most: u64,
    wrong: fn(String) -> CheckpointError,
) -> Result<Option<Map<String, Value>>, CheckpointError> {
    let path = folder.join(name);
    if !path.is_file() {
        return Ok(None);
    }
    let read = small_file::read(&path, most).and_then(|bytes| object(&path, &bytes));
    match read {
        Ok(object) => Ok(Some(object)),
        Err(CheckpointError::Invalid(why)) => Err(wrong(why)),
        Err(error) => Err(error),
    }
}
