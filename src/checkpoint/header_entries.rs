//! The entries of a safetensors header. Each entry is parsed as what it must be, so a header takes no more memory than its
//! text and the limits allow.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::limits::Limits;

/// Name of the entry that is not a tensor.
const METADATA: &str = "__metadata__";

/// Maximum number of dimensions of a tensor.
const MAX_DIMENSIONS: usize = 16;

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

/// The entries of a header.
#[derive(Default)]
pub(super) struct Entries {
    /// The tensors, in the order of the header.
    pub(super) tensors: Vec<TensorInfo>,
    /// The `__metadata__` entry.
    pub(super) metadata: Option<HashMap<String, String>>,
}

/// Reads the entries of a header.
///
/// # Errors
/// Returns a phrase that says what is wrong and follows the file's name.
pub(super) fn read(json: &[u8], limits: &Limits) -> Result<Entries, String> {
    let text =
        std::str::from_utf8(json).map_err(|_| "has a header that is not UTF-8".to_owned())?;
    let wrong = RefCell::new(None);
    let list = List {
        max_tensors: limits.tensors,
        wrong: &wrong,
    };
    let mut deserializer = serde_json::Deserializer::from_str(text.trim_end_matches(' '));
    let read = list.deserialize(&mut deserializer);
    let read = read.and_then(|entries| deserializer.end().map(|()| entries));
    read.map_err(|_| {
        wrong.into_inner().unwrap_or_else(|| {
            "has a header that is not a JSON object of tensors; it is corrupt".to_owned()
        })
    })
}

/// The seed of the entries. A map would hide duplicate names.
#[derive(Clone, Copy)]
struct List<'a> {
    max_tensors: usize,
    /// What is wrong. serde's errors do not carry it without additions.
    wrong: &'a RefCell<Option<String>>,
}

impl List<'_> {
    fn refuse<E: Error>(&self, what: String) -> E {
        self.wrong.replace(Some(what));
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Entries;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Entries, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Entries;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Entries::default();
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(self.refuse(format!("lists \"{name}\" twice")));
            }
            if name == METADATA {
                let metadata = map.next_value().map_err(|_: A::Error| {
                    self.refuse::<A::Error>(format!(
                        "has a {METADATA} that is not a map of strings"
                    ))
                })?;
                entries.metadata = Some(metadata);
                continue;
            }
            if entries.tensors.len() == self.max_tensors {
                return Err(self.refuse(format!(
                    "contains more than {} tensors, which is the limit",
                    self.max_tensors
                )));
            }
            let entry = map.next_value().map_err(|_: A::Error| {
                self.refuse::<A::Error>(format!(
                    "has no valid entry for \"{name}\", which must have a safetensors dtype, a shape of at most \
                     {MAX_DIMENSIONS} dimensions and data_offsets; it is corrupt"
                ))
            })?;
            let tensor = tensor(name, entry).map_err(|what| self.refuse::<A::Error>(what))?;
            entries.tensors.push(tensor);
        }
        Ok(entries)
    }
}

/// The entry of a tensor.
#[derive(Deserialize)]
struct Entry {
    dtype: Dtype,
    shape: Shape,
    data_offsets: (usize, usize),
}

/// A shape of at most [`MAX_DIMENSIONS`] dimensions.
struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;
        impl<'de> Visitor<'de> for Sizes {
            type Value = Shape;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of sizes")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut sizes = Vec::new();
                while let Some(size) = seq.next_element()? {
                    if sizes.len() == MAX_DIMENSIONS {
                        return Err(A::Error::custom("too many dimensions"));
                    }
                    sizes.push(size);
                }
                Ok(Shape(sizes))
            }
        }
        deserializer.deserialize_seq(Sizes)
    }
}

fn tensor(name: String, entry: Entry) -> Result<TensorInfo, String> {
    let Entry {
        dtype,
        shape: Shape(shape),
        data_offsets: (start, end),
    } = entry;
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
