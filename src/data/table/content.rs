//! Reads the decompressed bytes of a data file up to a size limit, and rejects files that are not tables.

use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::checkpoint::content::{Content, FIRST_BYTES};
use crate::checkpoint::read_file::{Digested, ReadFile};
use crate::checkpoint::regular_file;
use crate::data::error::DataError;
use crate::data::format::Packing;

/// Reads and decompresses a whole file. Returns its content and a record of the file as it is stored.
///
/// # Errors
/// Returns [`DataError`] if the file does not exist, cannot be decompressed, has more than `max_bytes` bytes after
/// decompression, or is not a table.
pub(super) fn read(
    path: &Path,
    name: &str,
    packing: Packing,
    max_bytes: u64,
) -> Result<(Vec<u8>, ReadFile), DataError> {
    let failed = |source| DataError::Io {
        path: name.to_owned(),
        source,
    };
    let file = regular_file::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => DataError::NotFound(name.to_owned()),
        _ => failed(error),
    })?;
    let mut file = Digested::new(file);
    let unpacked: Box<dyn Read + '_> = match packing {
        Packing::Plain => Box::new(&mut file),
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(&mut file)),
        Packing::Zstd => Box::new(zstd::Decoder::new(&mut file).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    unpacked
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| match packing {
            Packing::Plain => failed(error),
            Packing::Gzip | Packing::Zstd => DataError::Invalid(format!(
                "{name} cannot be decompressed; it is truncated, or not a {} file",
                packing.end().unwrap_or_default()
            )),
        })?;
    if bytes.len() as u64 > max_bytes {
        return Err(DataError::Limit(format!(
            "{name} is too large: the limit is {max_bytes} bytes"
        )));
    }
    refuse_disguised(&bytes, name)?;
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    let read = file.whole(&own).map_err(failed)?;
    Ok((bytes, read))
}

/// Returns the text of a file, without its byte order mark and with `\n` as the end of lines in old Macintosh files.
///
/// # Errors
/// Returns [`DataError::Invalid`] if the bytes are not UTF-8, or contain a NUL byte. The message names the line.
pub(super) fn text(bytes: Vec<u8>, name: &str) -> Result<String, DataError> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes.as_slice() {
        return Err(DataError::Invalid(format!(
            "{name} is encoded in UTF-16; convert it with iconv -f UTF-16 -t UTF-8"
        )));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..valid];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        DataError::Invalid(format!(
            "{name} is not UTF-8 (line {line}, byte {valid}); convert it, for example with iconv -f LATIN1 -t UTF-8"
        ))
    })?;
    if let Some(at) = text.find('\0') {
        let line = text[..at].matches('\n').count() + 1;
        return Err(DataError::Invalid(format!(
            "{name}, line {line}: the file contains a NUL byte, so it is not text; export it as UTF-8"
        )));
    }
    // In old Macintosh files, a line ends with a carriage return alone.
    let text = match text.contains('\n') || !text.contains('\r') {
        true => text,
        false => text.replace('\r', "\n"),
    };
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Rejects a file that is not a table: a failed download, or a format or compression that its name does not say.
fn refuse_disguised(bytes: &[u8], name: &str) -> Result<(), DataError> {
    let what = match Content::of(&bytes[..bytes.len().min(FIRST_BYTES)]) {
        // The reader of the format reports an empty table.
        None | Some(Content::Empty) => return Ok(()),
        Some(Content::Zip) => {
            "is a zip archive or a spreadsheet, not a table; unpack it, or export the sheet as .csv"
                .to_owned()
        }
        Some(content) => content.instead_of("a table"),
    };
    Err(DataError::Invalid(format!("{name} {what}")))
}
