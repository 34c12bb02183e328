//! `config.json`: sizes, labels, and what the head answers.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::CheckpointError;
use super::layout::CONFIG;
use super::limits::Limits;
use super::small_file;
use super::{folder, json};

/// Labels beyond this count are taken for a mistake.
const MOST_LABELS: usize = 100_000;

/// The configuration of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    map: Map<String, Value>,
}

/// What a model's head answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// One of these classes, in the order of the logits.
    Classification {
        /// Names by `id2label`.
        labels: Vec<String>,
    },
    /// One number.
    Regression,
}

impl Config {
    /// Reads `config.json` of a folder.
    ///
    /// # Errors
    /// When the folder is no model's, or the file is no JSON object.
    pub fn open(folder: &Path, limits: &Limits) -> Result<Self, CheckpointError> {
        let path = folder.join(CONFIG);
        if !path.is_file() {
            return Err(folder::refusal(folder, &folder.display()));
        }
        let text = small_file::read(&path, limits.config_bytes)?;
        let map = json::object(&path, &text)?;
        Ok(Self { map })
    }

    /// The configuration that this object is.
    #[must_use]
    pub fn new(map: Map<String, Value>) -> Self {
        Self { map }
    }

    /// The whole object.
    #[must_use]
    pub fn map(&self) -> &Map<String, Value> {
        &self.map
    }

    /// Which architecture this is.
    ///
    /// # Errors
    /// When the key is missing or no text.
    pub fn model_type(&self) -> Result<&str, CheckpointError> {
        match self.map.get("model_type").and_then(Value::as_str) {
            Some(name) => Ok(name),
            None => Err(CheckpointError::UnsupportedModel(
                "config.json has no model_type, so its architecture is unknown".to_owned(),
            )),
        }
    }

    /// The class that wrote the checkpoint: the first of `architectures`, where there is one.
    ///
    /// # Errors
    /// When the key is no list of strings.
    pub fn class(&self) -> Result<Option<&str>, CheckpointError> {
        let class = self.optional("architectures", "a list of class names", |value| {
            let classes = value.as_array()?;
            classes
                .first()
                .map_or(Some(None), |class| class.as_str().map(Some))
        })?;
        Ok(class.flatten())
    }

    /// A whole number that must be there.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub fn usize(&self, key: &str) -> Result<usize, CheckpointError> {
        self.optional(key, "a whole number", |value| {
            value.as_u64().and_then(|value| usize::try_from(value).ok())
        })?
        .ok_or_else(|| {
            CheckpointError::Invalid(format!(
                "config.json has no {key}; it needs a whole number there"
            ))
        })
    }

    /// A whole number, or this one when it is missing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn usize_or(&self, key: &str, default: usize) -> Result<usize, CheckpointError> {
        Ok(self
            .optional(key, "a whole number", |value| {
                value.as_u64().and_then(|value| usize::try_from(value).ok())
            })?
            .unwrap_or(default))
    }

    /// A number, or this one when it is missing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn f64_or(&self, key: &str, default: f64) -> Result<f64, CheckpointError> {
        Ok(self
            .optional(key, "a number", Value::as_f64)?
            .unwrap_or(default))
    }

    /// A text, or this one when it is missing.
    ///
    /// # Errors
    /// When it is something else.
    pub fn str_or<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str, CheckpointError> {
        Ok(self
            .optional(key, "a text", Value::as_str)?
            .unwrap_or(default))
    }

    /// A list of whole numbers, where there is one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn usize_list(&self, key: &str) -> Result<Option<Vec<usize>>, CheckpointError> {
        self.optional(key, "a list of whole numbers", |value| {
            let values = value
                .as_array()?
                .iter()
                .map(|value| value.as_u64().and_then(|value| usize::try_from(value).ok()));
            values.collect()
        })
    }

    /// What the head answers: a regression when `problem_type` says so, or when there is one label.
    ///
    /// # Errors
    /// When the labels are not numbered from 0 without a gap, or the problem is one that we do not know.
    pub fn problem(&self) -> Result<Problem, CheckpointError> {
        let kind = self.str_or("problem_type", "")?;
        let labels = self.labels()?;
        match (kind, labels.len()) {
            ("regression", 1) | ("", 1) => Ok(Problem::Regression),
            ("regression", count) => Err(CheckpointError::UnsupportedModel(format!(
                "config.json describes a regression of {count} values; one is supported"
            ))),
            ("single_label_classification", 1) => Err(CheckpointError::UnsupportedModel(
                "config.json describes a classification into one label, which has nothing to tell apart; \
                 write problem_type \"regression\" if the head predicts a number"
                    .to_owned(),
            )),
            ("" | "single_label_classification", _) => Ok(Problem::Classification { labels }),
            (other, _) => Err(CheckpointError::UnsupportedModel(format!(
                "config.json has problem_type \"{other}\"; supported are single_label_classification and regression"
            ))),
        }
    }

    /// Whether it says how many labels there are, be it by their names.
    #[must_use]
    pub fn counts_labels(&self) -> bool {
        let says = |key| {
            self.map
                .get(key)
                .is_some_and(|value: &Value| !value.is_null())
        };
        says("id2label") || says("num_labels")
    }

    /// Label names in the order of the logits: `id2label`, else `LABEL_0` .. by `num_labels` (2 by default,
    /// as in transformers).
    fn labels(&self) -> Result<Vec<String>, CheckpointError> {
        let named = self.optional("id2label", "a map from index to name", Value::as_object)?;
        let count = self.optional("num_labels", "a whole number", Value::as_u64)?;
        let Some(named) = named else {
            let count = count.map_or(2, |count| usize::try_from(count).unwrap_or(usize::MAX));
            if count == 0 || count > MOST_LABELS {
                return Err(CheckpointError::Invalid(format!(
                    "config.json: num_labels is {count}; it must lie between 1 and {MOST_LABELS}"
                )));
            }
            return Ok((0..count).map(|label| format!("LABEL_{label}")).collect());
        };
        if let Some(count) = count.filter(|&count| count != named.len() as u64) {
            return Err(CheckpointError::Invalid(format!(
                "config.json: num_labels is {count}, but id2label names {} labels; make them agree",
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

    /// `null` reads like a missing key, as in transformers.
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
