//! Folders of convolutional networks with the names of another library: what their configuration tells, and how a pruned
//! one is written. Widths are those of the tensors, so the configuration of a pruned network has nothing to add.

use serde_json::{Map, Value, json};

use super::image::{self, IMAGE_SIZE};
use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::batch::{ImageShape, Resolution};
use crate::model::config::{Keys, labels as named};
use crate::model::export::{Export, Usage};
use crate::model::image_config::checked;
use crate::model::mask::Masks;
use crate::model::timm;

/// `model_type` of a folder with the names of torchvision. Its `architecture` is the name of a model of torchvision.
pub(in crate::model) const TORCHVISION: &str = "torchvision";

/// Whose names the tensors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Library {
    /// timm.
    Timm,
    /// torchvision.
    Torchvision,
    /// No library: the networks for CIFAR (He et al. 2016), as most training scripts write them.
    Cifar,
}

/// Python code that opens a result.
const LOADER: (&str, &str) = ("optin_convnet.py", include_str!("optin_convnet.py"));

const CODE: &str = "import sys\n\nsys.path.insert(0, \"path/to/this/folder\")\nfrom optin_convnet import load\n\nmodel = load(\"path/to/this/folder\")";

const KEYS: Keys = Keys {
    carried: &["architecture", "model_type", "problem_type"],
    replaced: &["id2label", "label2id", "label_names", "num_labels"],
    without_effect: &[],
};

impl Library {
    /// Returns the shape of the images. The number of channels is that of the weight of the first convolution, the first
    /// tensor with one of these names.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if the size or the tensor is missing or out of range.
    pub(in crate::model) fn image(
        self,
        config: &Config,
        weights: &Weights,
        first: &[&str],
    ) -> Result<ImageShape, CheckpointError> {
        let shape = first.iter().find_map(|name| weights.shape(name));
        let Some(&[_, channels, _, _]) = shape else {
            return Err(CheckpointError::Invalid(format!(
                "the checkpoint has no tensor \"{}\" with 4 dimensions, the weight of the first convolution",
                first.join("\" or \"")
            )));
        };
        let [height, width] = match self {
            Self::Timm => timm::size(config)?,
            Self::Torchvision | Self::Cifar => return image::image(config, channels),
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

    /// Returns the name of the library on the model hub.
    fn name(self) -> &'static str {
        match self {
            Self::Timm => "timm",
            Self::Torchvision => "torchvision",
            Self::Cifar => "pytorch",
        }
    }
}

/// Returns the labels.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if the configuration does not tell the number of classes, or if the labels are
/// malformed.
pub(in crate::model) fn labels(
    config: &Config,
    weights: &Weights,
    classifier: &str,
) -> Result<Vec<String>, CheckpointError> {
    if config.counts_labels() {
        return config.labels();
    }
    let shape = weights.shape(&format!("{classifier}.weight"));
    let rows = shape.and_then(|shape| shape.first()).unwrap_or(&0);
    Err(CheckpointError::Invalid(format!(
        "config.json does not tell the classes; add \"num_labels\": {rows}, or id2label with their names"
    )))
}

/// Returns the writer of the configuration and of the file that opens the result.
pub(in crate::model) fn exporter(
    library: Library,
    source: &Config,
    (image, labels): (ImageShape, &[String]),
) -> impl Fn(&Masks) -> Export + Send + Sync + use<> {
    let (config, left_out) = written(library, source, image, labels);
    move |_: &Masks| Export {
        config: config.clone(),
        companions: vec![LOADER],
        usage: Some(Usage {
            library: library.name(),
            code: CODE,
        }),
        left_out: left_out.clone(),
    }
}

/// Returns the written configuration, and the keys that are left out.
fn written(
    library: Library,
    source: &Config,
    image: ImageShape,
    labels: &[String],
) -> (Map<String, Value>, Vec<String>) {
    if library == Library::Timm {
        return timm::written(source);
    }
    let mut map = Map::new();
    map.insert(IMAGE_SIZE.to_owned(), json!([image.height, image.width]));
    map.extend(named(labels));
    let left_out = KEYS.carry(source.map(), &mut map);
    let left_out = left_out.into_iter().filter(|key| key != IMAGE_SIZE);
    (map, left_out.collect())
}
