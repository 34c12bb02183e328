//! A checked safetensors file of a checkpoint, in memory.

use std::io::{ErrorKind, Read};
use std::path::Path;

use safetensors::Dtype;

use super::content::{Content, FIRST_BYTES};
use super::error::CheckpointError;
use super::header::{self, Header};
use super::layout::INDEX;
use super::limits::Limits;
use super::regular_file;

/// A safetensors file.
pub(super) struct Shard {
    /// File name without the folder.
    pub(super) name: String,
    pub(super) header: Header,
    /// Content of the whole file.
    pub(super) data: Vec<u8>,
    /// Position in `data` at which the tensors begin.
    offset: usize,
}

/// A stored tensor.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Name.
    pub name: &'a str,
    /// Type of the elements.
    pub dtype: Dtype,
    /// Shape.
    pub shape: &'a [usize],
    /// Elements as bytes, little-endian, row-major.
    pub bytes: &'a [u8],
}

impl Shard {
    /// Reads a file of at most `max_bytes` bytes.
    pub(super) fn read(
        path: &Path,
        name: &str,
        max_bytes: u64,
        limits: &Limits,
    ) -> Result<Self, CheckpointError> {
        let failed = |source| CheckpointError::io(path)(source);
        let wrong = |what: String| CheckpointError::Invalid(format!("{} {what}", path.display()));
        let mut file = regular_file::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => CheckpointError::NotFound(format!(
                "{} is listed in {INDEX} but does not exist; copy it into the folder",
                path.display()
            )),
            _ => failed(error),
        })?;
        let bytes = file.metadata().map_err(failed)?.len();
        if bytes > max_bytes {
            return Err(CheckpointError::Limit(format!(
                "{} is too large: {bytes} bytes; the limit for all weight files together is {} bytes",
                path.display(),
                limits.weights_bytes
            )));
        }
        let mut data = Vec::new();
        let first = FIRST_BYTES as u64;
        (&mut file)
            .take(first)
            .read_to_end(&mut data)
            .map_err(failed)?;
        if let Some(content) = Content::of_weights(&data) {
            let what = format!("{} {}", path.display(), content.instead_of("the weights"));
            return Err(match content.can_run_code() {
                true => CheckpointError::UnsafeFormat(what),
                false => CheckpointError::Invalid(what),
            });
        }
        // The declared header length is checked against the file size before the rest of the file is read.
        let Some(prefix) = data.first_chunk() else {
            return Err(wrong(format!("has only {bytes} bytes; it is truncated")));
        };
        header::length(*prefix, bytes, limits).map_err(wrong)?;
        data.reserve_exact((bytes as usize).saturating_sub(data.len()));
        file.take(bytes.saturating_sub(first))
            .read_to_end(&mut data)
            .map_err(failed)?;
        Self::of(name, data, limits).map_err(wrong)
    }

    /// Parses the bytes of a file. The error is a phrase that says what is wrong and follows the file's name.
    pub(super) fn of(name: &str, data: Vec<u8>, limits: &Limits) -> Result<Self, String> {
        const PREFIX: usize = header::PREFIX_BYTES as usize;
        let Some(prefix) = data.first_chunk::<PREFIX>() else {
            return Err(format!("has only {} bytes; it is truncated", data.len()));
        };
        let offset = PREFIX + header::length(*prefix, data.len() as u64, limits)?;
        let header = header::parse(&data[PREFIX..offset], data.len() - offset, limits)?;
        Ok(Self {
            name: name.to_owned(),
            header,
            data,
            offset,
        })
    }

    /// Returns the elements of the tensor at this position of the header, as bytes.
    pub(super) fn bytes_mut(&mut self, position: usize) -> &mut [u8] {
        let tensor = &self.header.tensors[position];
        &mut self.data[self.offset + tensor.start..self.offset + tensor.end]
    }

    /// Returns the tensor at this position of the header.
    pub(super) fn entry(&self, position: usize) -> Entry<'_> {
        let tensor = &self.header.tensors[position];
        let bytes = &self.data[self.offset + tensor.start..self.offset + tensor.end];
        Entry {
            name: &tensor.name,
            dtype: tensor.dtype,
            shape: &tensor.shape,
            bytes,
        }
    }
}
