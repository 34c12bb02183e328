//! Image processors: turn an image into the numbers that a model reads, to the bit as the image processor of its folder
//! does.

mod config;
mod keys;
pub(super) mod labels;
pub(super) mod steps;
mod timm;

use std::path::Path;

use serde_json::{Map, Value};

use self::keys::Keys;
use self::steps::Processor;
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::image_processor::{FILE, Settings};
use crate::checkpoint::layout::CONFIG;
use crate::checkpoint::limits::Limits;
use crate::model::batch::ImageShape;

/// Opens the image processor in the folder of a model. Returns it with its own file. A folder of timm
/// has no such file, but settings in `config.json`.
///
/// # Errors
/// Returns [`CheckpointError`] if there are no settings, if they are not supported, or if their result does not have the
/// shape that the model reads.
pub(super) fn open(
    folder: &Path,
    shape: ImageShape,
) -> Result<(Processor, Option<Settings>), CheckpointError> {
    let limits = Limits::default();
    let own = Settings::open(folder, &limits)?;
    let model = match folder.join(CONFIG).is_file() {
        true => Config::open(folder, &limits)?.map().clone(),
        false => Map::new(),
    };
    let timm = model.get("pretrained_cfg").and_then(Value::as_object);
    let (processor, settings) = match (own, timm) {
        (Some(own), _) => {
            let family = model.get("model_type").and_then(Value::as_str);
            let keys = Keys::new(FILE, &own.map);
            (config::processor(&keys, family, shape)?, Some(own))
        }
        (None, Some(map)) => (timm::processor(&Keys::new(CONFIG, map), shape)?, None),
        (None, None) => {
            return Err(CheckpointError::Invalid(format!(
                "{} has no {FILE}; a model that reads images needs the settings of its image processor; save them with \
                 AutoImageProcessor.from_pretrained(..).save_pretrained(..)",
                folder.display()
            )));
        }
    };
    processor.check()?;
    Ok((processor, settings))
}
