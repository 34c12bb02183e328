//! Parses and checks the header of a safetensors file, before any of its data is used.
//!
//! The file consists of 8 bytes of header length (little-endian), the header as a JSON object, and the data. In the
//! order of their offsets, the tensors must cover the data exactly, without holes or overlaps.

use std::collections::HashMap;

use super::header_entries::{self, Entries, TensorInfo};
use super::limits::Limits;

/// Size of the header length at the beginning of a file, in bytes.
pub const PREFIX_BYTES: u64 = 8;

/// The content of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Tensors in the order of their data.
    pub tensors: Vec<TensorInfo>,
    /// The `__metadata__` entry.
    pub metadata: Option<HashMap<String, String>>,
}

/// Returns the length of the header, after a check against the size of the file and the limits.
///
/// # Errors
/// Returns a phrase that says what is wrong and follows the file's name.
pub fn length(
    prefix: [u8; PREFIX_BYTES as usize],
    file_bytes: u64,
    limits: &Limits,
) -> Result<usize, String> {
    let claimed = u64::from_le_bytes(prefix);
    if claimed > limits.header_bytes {
        return Err(format!(
            "declares a header of {claimed} bytes; the limit is {} bytes",
            limits.header_bytes
        ));
    }
    if claimed > file_bytes.saturating_sub(PREFIX_BYTES) {
        return Err(format!(
            "declares a header of {claimed} bytes but has only {file_bytes} bytes in total; it is truncated or corrupt"
        ));
    }
    usize::try_from(claimed).map_err(|_| format!("declares a header of {claimed} bytes"))
}

/// Parses the header of a file with `data_bytes` bytes of data.
///
/// # Errors
/// Returns a phrase that says what is wrong and follows the file's name.
pub fn parse(json: &[u8], data_bytes: usize, limits: &Limits) -> Result<Header, String> {
    let Entries { tensors, metadata } = header_entries::read(json, limits)?;
    let mut header = Header { tensors, metadata };
    header
        .tensors
        .sort_by_key(|tensor| (tensor.start, tensor.end));
    let mut position = 0;
    for tensor in &header.tensors {
        if tensor.start != position {
            return Err(format!(
                "has data for \"{}\" at byte {}, but byte {position} is expected: there is a hole or an overlap",
                tensor.name, tensor.start
            ));
        }
        position = tensor.end;
    }
    if position != data_bytes {
        return Err(format!(
            "has {data_bytes} bytes of data, but its header declares {position}; it is truncated or corrupt"
        ));
    }
    Ok(header)
}
