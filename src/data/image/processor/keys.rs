//! Reads the settings of an image processor from JSON.

use serde_json::{Map, Value};

use crate::checkpoint::error::CheckpointError;

/// The mean and the deviation of samples if the settings have none, and there is no other default.
const HALF: f64 = 0.5;

/// ImageNet's mean and deviation of each color.
pub(super) const IMAGENET: [[f64; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

/// The mean and the deviation of other processors.
pub(super) const HALVES: [[f64; 3]; 2] = [[HALF; 3]; 2];

/// The settings in a file.
pub(super) struct Keys<'a> {
    /// Name of the file, for messages.
    pub(super) file: &'static str,
    map: &'a Map<String, Value>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(file: &'static str, map: &'a Map<String, Value>) -> Self {
        Self { file, map }
    }

    /// Returns a setting. `None` if it is missing or null.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Returns whether a step is on, or `default` if the setting is missing.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, CheckpointError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.refused(key, "true or false")),
        }
    }

    /// Returns a positive number, or `default` if the setting is missing.
    pub(super) fn number(&self, key: &str, default: f64) -> Result<f64, CheckpointError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => {
                let number = value
                    .as_f64()
                    .filter(|number| number.is_finite() && *number > 0.0);
                number.ok_or_else(|| self.refused(key, "a positive number"))
            }
        }
    }

    /// Returns the numbers of all channels. A single number stands for all of them. If the setting is missing, they are
    /// `default` for colors, and a half for other channels.
    pub(super) fn per_channel(
        &self,
        key: &str,
        default: [f64; 3],
        channels: usize,
    ) -> Result<Vec<f64>, CheckpointError> {
        let number = |value: &Value| value.as_f64().filter(|number| number.is_finite());
        let Some(value) = self.get(key) else {
            return Ok(match default.len() == channels {
                true => default.to_vec(),
                false => vec![HALF; channels],
            });
        };
        let numbers: Option<Vec<f64>> = match value {
            Value::Array(items) => items.iter().map(number).collect(),
            value => number(value).map(|number| vec![number; channels]),
        };
        let numbers =
            numbers.ok_or_else(|| self.refused(key, "a list with a number for each channel"))?;
        match numbers.len() == channels {
            true => Ok(numbers),
            false => Err(CheckpointError::Invalid(format!(
                "{}: \"{key}\" has {} numbers, but the model reads images with {channels} channels; write one number for each \
                 channel",
                self.file,
                numbers.len()
            ))),
        }
    }

    /// Returns a text. `None` if the setting is missing.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, CheckpointError> {
        let text = self.get(key).map(|value| {
            let text = value.as_str();
            text.ok_or_else(|| self.refused(key, "a text"))
        });
        text.transpose()
    }

    /// Returns the error for a setting with an unusable value.
    pub(super) fn refused(&self, key: &str, wanted: &str) -> CheckpointError {
        let value = self.get(key).unwrap_or(&Value::Null);
        CheckpointError::Invalid(format!(
            "{}: \"{key}\" is {value}; it must be {wanted}",
            self.file
        ))
    }
}
