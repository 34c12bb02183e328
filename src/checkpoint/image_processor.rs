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
            let divisor = self.map.get("size_divisor").and_then(Value::as_u64);
            let divisor = divisor.map_or(SIZE_DIVISOR, |divisor| divisor as usize);
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

/// Returns a length in pixels.
#[must_use]
pub fn pixels(value: &Value) -> Option<usize> {
    const LONGEST: u64 = 1 << 14;
    let length = value
        .as_u64()
        .filter(|length| (1..=LONGEST).contains(length))?;
    usize::try_from(length).ok()
}
