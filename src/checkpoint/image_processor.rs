//! Reads the settings of an image processor beside a model.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::CheckpointError;
use super::json;
use super::limits::Limits;
use super::small_file;

/// Name of the file with the settings.
pub const FILE: &str = "preprocessor_config.json";

/// Start of the names of the image processors of Mask2Former, which round sizes up.
pub const MASK2FORMER: &str = "Mask2Former";

/// Default of `size_divisor`, to whose multiples Mask2Former rounds sizes up.
pub const SIZE_DIVISOR: usize = 32;

/// The settings that a result keeps. The others, such as `auto_map`, may name code to run.
const WRITTEN: &[&str] = &[
    "crop_pct",
    "crop_size",
    "data_format",
    "default_to_square",
    "disable_grouping",
    "do_center_crop",
    "do_convert_rgb",
    "do_normalize",
    "do_pad",
    "do_reduce_labels",
    "do_rescale",
    "do_resize",
    "feature_extractor_type",
    "ignore_index",
    "image_mean",
    "image_processor_type",
    "image_std",
    "input_data_format",
    "max_size",
    "num_labels",
    "pad_size",
    "reduce_labels",
    "resample",
    "rescale_factor",
    "return_tensors",
    "size",
    "size_divisor",
];

/// The settings of an image processor.
pub struct Settings {
    /// The content of the file.
    pub map: Map<String, Value>,
}

impl Settings {
    /// Reads the settings of a model's folder. `None` if the folder has none.
    ///
    /// # Errors
    /// Returns [`CheckpointError`] if the file is not a JSON object.
    pub fn open(folder: &Path, limits: &Limits) -> Result<Option<Self>, CheckpointError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = small_file::read(&path, limits.config_bytes)?;
        let map = json::object(&path, &bytes, limits.values)?;
        Ok(Some(Self { map }))
    }

    /// Returns the settings that a result keeps: known keys with numbers, flags, names, and lists or objects of them.
    #[must_use]
    pub fn written(&self) -> Map<String, Value> {
        let entries = self.map.iter();
        let kept =
            entries.filter(|(key, value)| WRITTEN.contains(&key.as_str()) && is_setting(value));
        kept.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Returns the height and width of processed images, if all images get the same size.
    #[must_use]
    pub fn output_size(&self) -> Option<[usize; 2]> {
        let flag = |key: &str, default: bool| {
            let given = self.map.get(key).and_then(Value::as_bool);
            given.unwrap_or(default)
        };
        if flag("do_center_crop", false) {
            return self.map.get("crop_size").and_then(square_or_both_sides);
        }
        let size = self.map.get("size").filter(|_| flag("do_resize", true))?;
        let class = ["image_processor_type", "feature_extractor_type"];
        let class = class.iter().find_map(|key| self.map.get(*key)?.as_str());
        let is_of = |start: &str| class.is_some_and(|class| class.starts_with(start));
        if is_of(MASK2FORMER) {
            let divisor = match self
                .map
                .get("size_divisor")
                .filter(|value| !value.is_null())
            {
                Some(value) => divisor(value)?,
                None => SIZE_DIVISOR,
            };
            return both_sides(size).map(|sides| rounded_up(sides, divisor));
        }
        square_or_both_sides(size).or_else(|| {
            // The processor of ConvNeXt, which ResNet uses, crops to a square.
            let edge = pixels(size.get("shortest_edge")?)?;
            is_of("ConvNext").then_some([edge, edge])
        })
    }
}

/// Returns both sides rounded up to multiples of a number. 0 leaves them.
#[must_use]
pub fn rounded_up(sides: [usize; 2], divisor: usize) -> [usize; 2] {
    match divisor {
        0 => sides,
        _ => sides.map(|side| side.next_multiple_of(divisor)),
    }
}

/// Returns the height and the width of a size that may be one number for both.
#[must_use]
pub fn square_or_both_sides(size: &Value) -> Option<[usize; 2]> {
    let side = pixels(size).map(|side| [side, side]);
    side.or_else(|| both_sides(size))
}

/// Maximum length of the name of a class or a format, in bytes.
const MAX_NAME_BYTES: usize = 128;

fn is_setting(value: &Value) -> bool {
    let is_single = |value: &Value| match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(name) => name.len() <= MAX_NAME_BYTES,
        Value::Array(_) | Value::Object(_) => false,
    };
    match value {
        Value::Array(items) => items.iter().all(is_single),
        Value::Object(map) => map.values().all(is_single),
        value => is_single(value),
    }
}

/// Returns the height and the width, from an object with these keys or from a list.
#[must_use]
pub fn both_sides(value: &Value) -> Option<[usize; 2]> {
    match value {
        Value::Array(items) => match items.as_slice() {
            [height, width] => Some([pixels(height)?, pixels(width)?]),
            _ => None,
        },
        value => Some([pixels(value.get("height")?)?, pixels(value.get("width")?)?]),
    }
}

/// Maximum of a length, in pixels.
const LONGEST: u64 = 1 << 14;

/// Returns the number to whose multiples sizes are rounded up, or 0.
#[must_use]
pub fn divisor(value: &Value) -> Option<usize> {
    let number = value.as_u64().filter(|number| *number <= LONGEST)?;
    usize::try_from(number).ok()
}

/// Returns a length in pixels.
#[must_use]
pub fn pixels(value: &Value) -> Option<usize> {
    let length = value
        .as_u64()
        .filter(|length| (1..=LONGEST).contains(length))?;
    usize::try_from(length).ok()
}
