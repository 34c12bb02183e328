//! The size of the images that a convolutional network reads.

use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::model::batch::{ImageShape, Resolution};
use crate::model::image_config::{checked, pair};

/// Key of the size of the images. Results of `optin` have it.
pub(in crate::model) const IMAGE_SIZE: &str = "image_size";

/// Returns the shape of the images. Convolutional networks read images of any size, so transformers does not write it to
/// `config.json`. Without the key, it is the size to which the image processor resizes or crops.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if neither file tells the size, or if it is out of range.
pub(in crate::model) fn image(
    config: &Config,
    channels: usize,
) -> Result<ImageShape, CheckpointError> {
    let [height, width] = match config.map().contains_key(IMAGE_SIZE) {
        true => pair(config, IMAGE_SIZE, 0)?,
        false => config.size_of_processed_images().ok_or_else(|| {
            CheckpointError::Invalid(
                "neither config.json nor preprocessor_config.json tells the size of the images; add \"image_size\": [height, width] to config.json"
                    .to_owned(),
            )
        })?,
    };
    checked(ImageShape {
        height,
        width,
        channels,
        patch: 1,
        padded: false,
        resolution: Resolution::Maps,
    })
}
