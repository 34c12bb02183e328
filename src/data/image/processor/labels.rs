//! What the settings of transformers' image processors (`preprocessor_config.json`) say about label maps.
//!
//! The old key `reduce_labels` is not read, because it has no effect in transformers.

use serde_json::Value;

use super::keys::Keys;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::image_processor::{FILE, Settings};

/// How the ids of label maps become classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::data::image) struct LabelSettings {
    /// Whether 0 means that a pixel has no class, and all other ids are 1 more than the class (`do_reduce_labels`).
    pub(in crate::data::image) reduced: bool,
    /// The id of pixels without a class, after the reduction (`ignore_index`).
    pub(in crate::data::image) ignored: Option<i64>,
}

/// Reads the settings. Without a file, every id is a class.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if a setting is malformed, or if ids are reduced without an ignored one, which
/// transformers refuses as well.
pub(in crate::data::image) fn labels(
    settings: Option<&Settings>,
) -> Result<LabelSettings, CheckpointError> {
    let Some(settings) = settings else {
        return Ok(LabelSettings::default());
    };
    let keys = Keys::new(FILE, &settings.map);
    let reduced = keys.flag("do_reduce_labels", false)?;
    let ignored = keys.get("ignore_index").map(Value::as_i64);
    match ignored {
        Some(None) => Err(keys.refused("ignore_index", "a whole number")),
        None if reduced => Err(keys.refused(
            "ignore_index",
            "a whole number, such as 255, because \"do_reduce_labels\" is true",
        )),
        ignored => Ok(LabelSettings {
            reduced,
            ignored: ignored.flatten(),
        }),
    }
}
