//! The header of a safetensors file, checked before a byte of data is believed.
//!
//! The file: 8 bytes of header length (little-endian), the header as a JSON object, the data. The
//! tensors must cover the data exactly, in the order of their offsets: no holes, no overlaps.

use std::collections::{HashMap, HashSet};

use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::limits::Limits;

/// Bytes of the length that a file begins with.
pub const PREFIX_BYTES: u64 = 8;

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Type of its elements.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Where its bytes are, counted from the end of the header.
    pub start: usize,
    /// Where they end.
    pub end: usize,
}

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// In the order of the data.
    pub tensors: Vec<TensorInfo>,
    /// The `__metadata__` entry.
    pub metadata: Option<HashMap<String, String>>,
}

/// Reads the header's length and checks it against the file's.
///
/// # Errors
/// A sentence that says what is wrong, without the file's name.
pub fn length(
    prefix: [u8; PREFIX_BYTES as usize],
    file_bytes: u64,
    limits: &Limits,
) -> Result<usize, String> {
    let claimed = u64::from_le_bytes(prefix);
    if claimed > limits.header_bytes {
        return Err(format!(
            "claims a header of {claimed} bytes; at most {} are allowed",
            limits.header_bytes
        ));
    }
    if claimed > file_bytes.saturating_sub(PREFIX_BYTES) {
        return Err(format!(
            "claims a header of {claimed} bytes but has only {file_bytes} bytes in all; it is truncated or corrupt"
        ));
    }
    usize::try_from(claimed).map_err(|_| format!("claims a header of {claimed} bytes"))
}

/// Reads a header over `data_bytes` bytes of data.
///
/// # Errors
/// A sentence that says what is wrong, without the file's name.
pub fn parse(json: &[u8], data_bytes: usize, limits: &Limits) -> Result<Header, String> {
    let text =
        std::str::from_utf8(json).map_err(|_| "has a header that is not UTF-8".to_owned())?;
    let Entries(entries) = serde_json::from_str(text.trim_end_matches(' '))
        .map_err(|_| "has a header that is no JSON object of tensors; it is corrupt".to_owned())?;
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
                .map_err(|_| "has a __metadata__ that is no map of strings".to_owned())?;
            header.metadata = Some(metadata);
            continue;
        }
        header.tensors.push(tensor(name, value)?);
        if header.tensors.len() > limits.tensors {
            return Err(format!("holds more than {} tensors", limits.tensors));
        }
    }
    header
        .tensors
        .sort_by_key(|tensor| (tensor.start, tensor.end));
    let mut position = 0;
    for tensor in &header.tensors {
        if tensor.start != position {
            return Err(format!(
                "has data for \"{}\" at byte {} where byte {position} is next: a hole or an overlap",
                tensor.name, tensor.start
            ));
        }
        position = tensor.end;
    }
    if position != data_bytes {
        return Err(format!(
            "should hold {position} bytes of data by its header but holds {data_bytes}; it is truncated or corrupt"
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
            "has no valid entry for \"{name}\", which needs a dtype of safetensors, a shape and data_offsets; it is corrupt"
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
            "gives \"{name}\" bytes {start} to {end}, which do not fit its shape {shape:?} of {dtype:?}"
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

/// A JSON object as a list: a map would hide that a name stands twice.
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
