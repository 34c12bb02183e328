//! Reads small files of a folder and keeps their records.

use std::path::Path;

use serde_json::{Map, Value};

use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::json;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::read_file::ReadFile;
use crate::checkpoint::small_file;

/// Reads small files and keeps their records.
pub(super) struct Folder<'a> {
    pub(super) path: &'a Path,
    pub(super) limits: &'a Limits,
    pub(super) read: Vec<ReadFile>,
}

impl<'a> Folder<'a> {
    pub(super) fn new(path: &'a Path, limits: &'a Limits) -> Self {
        Self {
            path,
            limits,
            read: Vec::new(),
        }
    }

    /// Returns the content of a file.
    pub(super) fn bytes(&mut self, name: &str) -> Result<Vec<u8>, CheckpointError> {
        let bytes = small_file::read(&self.path.join(name), self.limits.config_bytes)?;
        self.read.push(ReadFile::of(name, &bytes));
        Ok(bytes)
    }

    /// Returns the object in a file. `None` if there is no such file.
    pub(super) fn object(
        &mut self,
        name: &str,
    ) -> Result<Option<Map<String, Value>>, CheckpointError> {
        let path = self.path.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        let bytes = self.bytes(name)?;
        json::object(&path, &bytes, self.limits.values).map(Some)
    }
}
