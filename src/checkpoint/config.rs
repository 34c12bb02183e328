//! Reads `config.json`: the sizes and labels of a model, and the kind of its predictions.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::CheckpointError;
use super::image_processor::Settings;
use super::layout::CONFIG;
use super::limits::Limits;
use super::sentence::modules::Modules;
use super::small_file;
use super::{folder, json};

/// Maximum number of labels. A larger number is considered a mistake.
const MAX_LABELS: usize = 100_000;

/// The configuration of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    map: Map<String, Value>,
    /// See [`size_of_processed_images`](Self::size_of_processed_images).
    processed: Option<[usize; 2]>,
    /// See [`modules`](Self::modules).
    modules: Option<Arc<Modules>>,
}

/// The class that opens a folder of sentence-transformers, whatever class wrote its encoder.
pub const SENTENCE_TRANSFORMER: &str = "SentenceTransformer";

/// Keys with the number of labels: of transformers, and of timm.
const COUNTS: [&str; 2] = ["num_labels", "num_classes"];

/// Returns the names, if they are as many as the configuration says.
fn counted(names: Vec<String>, count: Option<u64>) -> Result<Vec<String>, CheckpointError> {
    match names.is_empty() || count.is_some_and(|count| count != names.len() as u64) {
        true => Err(CheckpointError::Invalid(format!(
            "config.json: label_names has {} names for {} labels; correct one of them",
            names.len(),
            count.unwrap_or_default()
        ))),
        false => Ok(names),
    }
}

impl Config {
    /// Reads `config.json` of a folder.
    ///
    /// # Errors
    /// Returns [`CheckpointError`] if the folder does not contain a model, or the file is not a JSON object.
    pub fn open(folder: &Path, limits: &Limits) -> Result<Self, CheckpointError> {
        let path = folder.join(CONFIG);
        if !path.is_file() {
            return Err(folder::refusal(folder, &folder.display()));
        }
        let text = small_file::read(&path, limits.config_bytes)?;
        let map = json::object(&path, &text, limits.values)?;
        // Only models that read images need the settings, and report an error in them.
        let processor = Settings::open(folder, limits).ok().flatten();
        Ok(Self {
            map,
            processed: processor.and_then(|settings| settings.output_size()),
            modules: Modules::open(folder, limits)?.map(Arc::new),
        })
    }

    /// Creates a configuration from its JSON object.
    #[must_use]
    pub fn new(map: Map<String, Value>) -> Self {
        Self {
            map,
            processed: None,
            modules: None,
        }
    }

    /// Returns a configuration with another JSON object, beside the same files.
    #[must_use]
    pub fn with_map(&self, map: Map<String, Value>) -> Self {
        let others = self.clone();
        Self { map, ..others }
    }

    /// Returns the modules that follow the encoder in a folder of sentence-transformers. `None` in other folders.
    #[must_use]
    pub fn modules(&self) -> Option<&Arc<Modules>> {
        self.modules.as_ref()
    }

    /// Returns the height and width of the images that the image processor of the same folder returns. `None` if it is
    /// unknown.
    #[must_use]
    pub fn size_of_processed_images(&self) -> Option<[usize; 2]> {
        self.processed
    }

    /// Returns the paths and contents of the files beside `config.json` of a result, which describe it further.
    ///
    /// # Errors
    /// Does not fail in practice: what was read can be written.
    pub fn files_of_result(&self) -> std::io::Result<Vec<(String, Vec<u8>)>> {
        match &self.modules {
            Some(modules) => modules.written(),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the whole JSON object.
    #[must_use]
    pub fn map(&self) -> &Map<String, Value> {
        &self.map
    }

    /// Returns the configuration of a part of the model.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if the key is missing or not an object.
    pub fn nested(&self, key: &str) -> Result<Self, CheckpointError> {
        match self.map.get(key).and_then(Value::as_object) {
            Some(map) => Ok(Self::new(map.clone())),
            None => Err(CheckpointError::Invalid(format!(
                "config.json has no {key}; it must be an object"
            ))),
        }
    }

    /// Returns `model_type`, the name of the architecture.
    ///
    /// # Errors
    /// Returns [`CheckpointError::UnsupportedModel`] if the key is missing or not a string.
    pub fn model_type(&self) -> Result<&str, CheckpointError> {
        match self.map.get("model_type").and_then(Value::as_str) {
            Some(name) => Ok(name),
            None => Err(CheckpointError::UnsupportedModel(
                "config.json has no model_type, so its architecture is unknown".to_owned(),
            )),
        }
    }

    /// Returns the class that wrote the checkpoint: the first of `architectures`, or `None` if there is none. It is
    /// [`SENTENCE_TRANSFORMER`] in a folder with [modules](Self::modules).
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if the key is not a list, or its first item is not a string.
    pub fn class(&self) -> Result<Option<&str>, CheckpointError> {
        if self.modules.is_some() {
            return Ok(Some(SENTENCE_TRANSFORMER));
        }
        let class = self.optional("architectures", "a list of class names", |value| {
            let classes = value.as_array()?;
            classes
                .first()
                .map_or(Some(None), |class| class.as_str().map(Some))
        })?;
        Ok(class.flatten())
    }

    /// Returns a required whole number.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if the key is missing or not a whole number.
    pub fn usize(&self, key: &str) -> Result<usize, CheckpointError> {
        self.optional(key, "a whole number", |value| {
            value.as_u64().and_then(|value| usize::try_from(value).ok())
        })?
        .ok_or_else(|| {
            CheckpointError::Invalid(format!(
                "config.json has no {key}; it must be a whole number"
            ))
        })
    }

    /// Returns a whole number, or `default` if the key is missing.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if it is not a whole number.
    pub fn usize_or(&self, key: &str, default: usize) -> Result<usize, CheckpointError> {
        Ok(self
            .optional(key, "a whole number", |value| {
                value.as_u64().and_then(|value| usize::try_from(value).ok())
            })?
            .unwrap_or(default))
    }

    /// Returns a number, or `default` if the key is missing.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if it is not a number.
    pub fn f64_or(&self, key: &str, default: f64) -> Result<f64, CheckpointError> {
        Ok(self
            .optional(key, "a number", Value::as_f64)?
            .unwrap_or(default))
    }

    /// Returns a string, or `default` if the key is missing.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if it is not a string.
    pub fn str_or<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str, CheckpointError> {
        Ok(self
            .optional(key, "a string", Value::as_str)?
            .unwrap_or(default))
    }

    /// Returns a flag, or `default` if the key is missing.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if it is not a boolean.
    pub fn bool_or(&self, key: &str, default: bool) -> Result<bool, CheckpointError> {
        Ok(self
            .optional(key, "true or false", Value::as_bool)?
            .unwrap_or(default))
    }

    /// Returns a list of whole numbers, or `None` if the key is missing.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if it is not a list of whole numbers.
    pub fn usize_list(&self, key: &str) -> Result<Option<Vec<usize>>, CheckpointError> {
        self.optional(key, "a list of whole numbers", |value| {
            let values = value
                .as_array()?
                .iter()
                .map(|value| value.as_u64().and_then(|value| usize::try_from(value).ok()));
            values.collect()
        })
    }

    /// Returns whether the configuration specifies the number of labels, by `num_labels` or by their names.
    #[must_use]
    pub fn counts_labels(&self) -> bool {
        let says = |key| {
            self.map
                .get(key)
                .is_some_and(|value: &Value| !value.is_null())
        };
        says("id2label") || COUNTS.into_iter().any(says) || says("label_names")
    }

    /// Returns the label names in the order of the logits. They come from `id2label`, or from `label_names` as timm writes
    /// them. If both are missing, they are `LABEL_0`, `LABEL_1` and so on, as many as `num_labels` (or timm's `num_classes`)
    /// says (2 by default, as in transformers).
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if the labels are not numbered from 0 without gaps, or if `num_labels` is
    /// another number.
    pub fn labels(&self) -> Result<Vec<String>, CheckpointError> {
        let named = self.optional("id2label", "a map from index to name", Value::as_object)?;
        let mut count = None;
        for key in COUNTS {
            count = count.or(self.optional(key, "a whole number", Value::as_u64)?);
        }
        let listed = self.optional("label_names", "a list of names", |value| {
            let names = value.as_array()?.iter();
            names.map(|name| name.as_str().map(str::to_owned)).collect()
        })?;
        if let (None, Some(listed)) = (named, listed) {
            return counted(listed, count);
        }
        let Some(named) = named else {
            let count = count.map_or(2, |count| usize::try_from(count).unwrap_or(usize::MAX));
            if count == 0 || count > MAX_LABELS {
                return Err(CheckpointError::Invalid(format!(
                    "config.json: num_labels is {count}; it must be between 1 and {MAX_LABELS}"
                )));
            }
            return Ok((0..count).map(|label| format!("LABEL_{label}")).collect());
        };
        if let Some(count) = count.filter(|&count| count != named.len() as u64) {
            return Err(CheckpointError::Invalid(format!(
                "config.json: num_labels is {count}, but id2label names {} labels; correct one of them",
                named.len()
            )));
        }
        let by_index = (0..named.len()).map(|index| {
            let name = named.get(&index.to_string()).and_then(Value::as_str);
            name.map(str::to_owned).ok_or_else(|| {
                CheckpointError::Invalid(format!(
                    "config.json: id2label has {} entries but no name for \"{index}\"",
                    named.len()
                ))
            })
        });
        let labels: Vec<String> = by_index.collect::<Result<_, _>>()?;
        if labels.is_empty() {
            return Err(CheckpointError::Invalid(
                "config.json: id2label is empty".to_owned(),
            ));
        }
        Ok(labels)
    }

    /// Returns the value of a key, or `None` if the key is missing or `null`, as in transformers.
    fn optional<'a, T>(
        &'a self,
        key: &str,
        needed: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, CheckpointError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(CheckpointError::Invalid(format!(
                    "config.json: {key} is {value}; it must be {needed}"
                ))),
            },
        }
    }
}
