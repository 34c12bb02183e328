//! Reads the settings of an image processor beside a model.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::CheckpointError;
use super::json;
use super::limits::Limits;
use super::small_file;

/// Name of the file with the settings.
pub const FILE: &str = "preprocessor_config.json";

/// The settings of an image processor.
pub struct Settings {
    /// The content of the file.
    pub text: String,
    /// The same as a JSON object.
    pub map: Map<String, Value>,
}

impl Settings {
    /// Reads the settings of a model's folder. `None` if the folder has none.
    ///
    /// # Errors
    /// Returns [`CheckpointError`] if the file is not a JSON object.
    pub fn open(folder: &Path, limits: &Limits) -> Result<Option<Self>, CheckpointError> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let bytes = small_file::read(&path, limits.config_bytes)?;
        let map = json::object(&path, &bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Some(Self { text, map }))
    }
}
