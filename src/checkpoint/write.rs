//! Writes safetensors files, byte for byte as Hugging Face's library writes them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::Path;

use half::{bf16, f16};
use safetensors::Dtype;
use serde_json::{Map, Value, json};

use super::shard::Entry;

/// A tensor to write.
#[derive(Clone, Debug)]
pub struct OutTensor<'a> {
    /// Name.
    pub name: String,
    /// Type of the elements.
    pub dtype: Dtype,
    /// Shape. Sizes of 0 are allowed.
    pub shape: Vec<usize>,
    /// Elements as bytes, little-endian, row-major.
    pub bytes: Cow<'a, [u8]>,
}

/// Takes the tensor unchanged, without a copy of its bytes.
impl<'a> From<Entry<'a>> for OutTensor<'a> {
    fn from(entry: Entry<'a>) -> Self {
        Self {
            name: entry.name.to_owned(),
            dtype: entry.dtype,
            shape: entry.shape.to_vec(),
            bytes: Cow::Borrowed(entry.bytes),
        }
    }
}

/// Writes a file with the tensors in this order. Returns the size of the file in bytes.
///
/// # Errors
/// Returns an error if the file cannot be written. The incomplete file is removed.
pub fn write(
    path: &Path,
    tensors: &[OutTensor<'_>],
    metadata: Option<&HashMap<String, String>>,
) -> Result<u64> {
    let written = write_file(path, tensors, metadata);
    if written.is_err() {
        // An incomplete file is useless, and the disk may be full.
        let _ = std::fs::remove_file(path);
    }
    written
}

fn write_file(
    path: &Path,
    tensors: &[OutTensor<'_>],
    metadata: Option<&HashMap<String, String>>,
) -> Result<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    let bytes = write_to(&mut file, tensors, metadata)?;
    file.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()?;
    Ok(bytes)
}

/// Returns the same file as bytes in memory.
///
/// # Errors
/// Does not fail, because writes to memory do not fail.
pub fn bytes(tensors: &[OutTensor<'_>]) -> Result<Vec<u8>> {
    let size: usize = tensors.iter().map(|tensor| tensor.bytes.len()).sum();
    let mut bytes = Vec::with_capacity(size + (1 << 16));
    write_to(&mut bytes, tensors, None)?;
    Ok(bytes)
}

fn write_to(
    file: &mut impl Write,
    tensors: &[OutTensor<'_>],
    metadata: Option<&HashMap<String, String>>,
) -> Result<u64> {
    let header = header(tensors, metadata);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    let mut bytes = 8 + header.len() as u64;
    for tensor in tensors {
        file.write_all(&tensor.bytes)?;
        bytes += tensor.bytes.len() as u64;
    }
    Ok(bytes)
}

fn header(tensors: &[OutTensor<'_>], metadata: Option<&HashMap<String, String>>) -> Vec<u8> {
    let mut entries = Map::new();
    if let Some(metadata) = metadata {
        let mut sorted: Vec<_> = metadata.iter().collect();
        sorted.sort_unstable();
        let sorted = sorted
            .into_iter()
            .map(|(key, value)| (key.clone(), json!(value)));
        entries.insert("__metadata__".to_owned(), Value::Object(sorted.collect()));
    }
    let mut position = 0;
    for tensor in tensors {
        let end = position + tensor.bytes.len();
        let entry = json!({ "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [position, end] });
        entries.insert(tensor.name.clone(), entry);
        position = end;
    }
    let mut header = Value::Object(entries).to_string().into_bytes();
    // The data begins at a multiple of 8 bytes, so that readers can use it in place.
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}

/// Encodes values as F64, F16, BF16 or F32. Any other type is encoded as F32.
#[must_use]
pub fn encode(values: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F64 => values
            .iter()
            .flat_map(|&value| f64::from(value).to_le_bytes())
            .collect(),
        Dtype::F16 => values
            .iter()
            .flat_map(|&value| f16::from_f32(value).to_le_bytes())
            .collect(),
        Dtype::BF16 => values
            .iter()
            .flat_map(|&value| bf16::from_f32(value).to_le_bytes())
            .collect(),
        _ => values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
    }
}
