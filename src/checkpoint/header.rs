//! Parses and checks the header of a safetensors file, before any of its data is used.
//!
//! The file consists of 8 bytes of header length (little-endian), the header as a JSON object, and the data. In the
//! order of their offsets, the tensors must cover the data exactly, without holes or overlaps.

use std::collections::{HashMap, HashSet};

use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::limits::Limits;

/// Size of the header length at the beginning of a file, in bytes.
pub const PREFIX_BYTES: u64 = 8;

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Name.
    pub name: String,
    /// Type of the elements.
    pub dtype: Dtype,
    /// Shape.
    pub shape: Vec<usize>,
    /// Offset of the first byte, from the end of the header.
    pub start: usize,
    /// Offset after the last byte, from the end of the header.
    pub end: usize,
}

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
    let text =
        std::str::from_utf8(json).map_err(|_| "has a header that is not UTF-8".to_owned())?;
    let Entries(entries) = serde_json::from_str(text.trim_end_matches(' ')).map_err(|_| {
        "has a header that is not a JSON object of tensors; it is corrupt".to_owned()
    })?;
    let mut header = Header {
        tensors: Vec::new(),
        metadata: None,
    };
    let mut names = HashSet::new();
    for (name, value) in entries {
        if !names.insert(name.clone()) {
            return Err(format!("lists \"{name}\" twice"));
        }
        if name == "__metadata__" {
            let metadata = serde_json::from_value(value)
                .map_err(|_| "has a __metadata__ that is not a map of strings".to_owned())?;
            header.metadata = Some(metadata);
            continue;
        }
        header.tensors.push(tensor(name, value)?);
        if header.tensors.len() > limits.tensors {
            return Err(format!(
                "contains more than {} tensors, which is the limit",
                limits.tensors
            ));
        }
    }
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

fn tensor(name: String, value: serde_json::Value) -> Result<TensorInfo, String> {
    #[derive(Deserialize)]
    struct Entry {
        dtype: Dtype,
        shape: Vec<usize>,
        data_offsets: (usize, usize),
    }
    let Entry {
        dtype,
        shape,
        data_offsets: (start, end),
    } = serde_json::from_value(value).map_err(|_| {
        format!(
            "has no valid entry for \"{name}\", which must have a safetensors dtype, a shape and data_offsets; it is corrupt"
        )
    })?;
    let elements = shape
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size));
    let bits = elements.and_then(|elements| elements.checked_mul(dtype.bitsize()));
    let fits = end
        .checked_sub(start)
        .is_some_and(|bytes| bits.is_some_and(|bits| bits.is_multiple_of(8) && bits / 8 == bytes));
    if !fits {
        return Err(format!(
            "declares bytes {start} to {end} for \"{name}\", which do not fit its shape {shape:?} of {dtype:?}"
        ));
    }
    Ok(TensorInfo {
        name,
        dtype,
        shape,
        start,
        end,
    })
}

/// A JSON object as a list of entries. A map would hide duplicate names.
struct Entries(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Entries;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(List)
    }
}
