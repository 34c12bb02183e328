//! The configuration of a vision transformer, whole or pruned, from `config.json`.

use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::model::batch::{ImageShape, Resolution};
use crate::model::config::{MAX_LAYERS, MAX_WIDTH, activation_or, norm_epsilon, size};
use crate::model::encoder::sizes::{LayerSizes, Whole, head_dim};
use crate::model::image_config::{checked, pair};
use crate::model::layer::leading_positions::LeadingPositions;
use crate::model::nn::activation::Activation;

/// Key of the number of pairs of positions that each layer merges. Only results of `optin` have it.
pub(in crate::model) const MERGED: &str = "merged_tokens_per_layer";

/// Key of a schedule that a job plans for a model that merges nothing. No file has it.
pub(in crate::model) const PLANNED: &str = "planned_merged_tokens_per_layer";

/// A family whose checkpoints have the names of transformers.
pub(in crate::model) struct Family {
    /// Value of `model_type`, and the first part of the names of the body's tensors.
    pub(in crate::model) model_type: &'static str,
    /// Names of the special tokens, in the order of the positions.
    pub(in crate::model) special: &'static [&'static str],
    /// Names of the classes. The first one is that of a checkpoint that names none.
    pub(in crate::model) classes: &'static [&'static str],
    /// Names of the classifiers of a class with a teacher. Empty if the family has no such class.
    pub(in crate::model) classifiers_with_teacher: &'static [&'static str],
    /// Names and contents of the Python files with which `transformers` opens a result (`trust_remote_code=True`). The
    /// first one has the classes.
    pub(in crate::model) modeling: &'static [(&'static str, &'static str)],
}

/// Which special tokens the head reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum HeadKind {
    /// The first one.
    First,
    /// The first two, each with its own classifier. The answer is the mean of both.
    Both,
}

/// The sizes of the graph.
pub(in crate::model) struct VitConfig {
    pub(in crate::model) hidden: usize,
    pub(in crate::model) sizes: LayerSizes,
    pub(in crate::model) image: ImageShape,
    /// Number of special tokens before the patches.
    pub(in crate::model) special: usize,
    /// Number of pairs of positions that each layer merges after its attention.
    pub(in crate::model) merged: Vec<usize>,
    /// Whether the implementation that the checkpoint comes with merges them as well.
    pub(in crate::model) merges_already: bool,
    pub(in crate::model) has_qkv_bias: bool,
    pub(in crate::model) activation: Activation,
    pub(in crate::model) norm_epsilon: f64,
    pub(in crate::model) head: HeadKind,
    /// The class of transformers with this head.
    pub(in crate::model) class: &'static str,
    /// Names of the outputs.
    pub(in crate::model) labels: Vec<String>,
}

impl VitConfig {
    /// Reads a configuration of transformers.
    pub(in crate::model) fn read(
        family: &Family,
        config: &Config,
    ) -> Result<Self, CheckpointError> {
        let hidden = size(config, "hidden_size", MAX_WIDTH)?;
        let head_dim = head_dim(config, ["hidden_size", "num_attention_heads"], hidden)?;
        let heads = size(config, "num_attention_heads", MAX_WIDTH / head_dim)?;
        let layers = size(config, "num_hidden_layers", MAX_LAYERS)?;
        let whole = Whole {
            heads,
            head_dim,
            neurons: size(config, "intermediate_size", MAX_WIDTH)?,
        };
        let written = config.class()?;
        let class = family.classes.iter().find(|class| written == Some(class));
        let class = class.copied().unwrap_or(family.classes[0]);
        Ok(Self {
            hidden,
            sizes: LayerSizes::read(config, vec![whole; layers])?,
            image: image(config)?,
            special: family.special.len(),
            merged: merged(config, layers)?,
            merges_already: !config.map().contains_key(PLANNED),
            has_qkv_bias: config.bool_or("qkv_bias", true)?,
            activation: activation_or(config, "gelu")?,
            norm_epsilon: norm_epsilon(config)?,
            head: match class.ends_with("WithTeacher") {
                true => HeadKind::Both,
                false => HeadKind::First,
            },
            class,
            labels: config.labels()?,
        })
    }

    /// Returns the number of positions of the first layer.
    pub(super) fn positions(&self) -> usize {
        self.special + self.image.patches().1
    }

    /// Whether positions of a layer's output stand for several patches. The last layer returns special tokens only.
    pub(super) fn unmerges(&self, layer: usize) -> bool {
        let last = layer + 1 == self.sizes.layers();
        !last && self.merged[..=layer].iter().any(|&pairs| pairs > 0)
    }

    /// Returns the selection of the positions that the head reads.
    pub(super) fn read_by_head(&self) -> LeadingPositions {
        LeadingPositions::new(match self.head {
            HeadKind::First => 1,
            HeadKind::Both => 2,
        })
    }

    /// Returns the selection of the positions at which a layer computes its output, or `None` for all positions. The head
    /// reads no other positions of the last layer.
    pub(super) fn selection_of(&self, layer: usize) -> Option<LeadingPositions> {
        let last = layer + 1 == self.sizes.layers();
        let selection = last.then(|| self.read_by_head());
        match self.sizes.skips_unread {
            true => selection,
            false => selection.map(LeadingPositions::early),
        }
    }
}

/// Returns the number of pairs of positions that each layer merges. The last layer merges none, because it computes only
/// the positions that the head reads.
///
/// # Errors
/// Returns [`CheckpointError::Invalid`] if the list is malformed.
pub(in crate::model) fn merged(
    config: &Config,
    layers: usize,
) -> Result<Vec<usize>, CheckpointError> {
    let planned = config.usize_list(PLANNED)?;
    let Some(merged) = planned.or(config.usize_list(MERGED)?) else {
        return Ok(vec![0; layers]);
    };
    if merged.len() != layers || merged.last().is_some_and(|&last| last > 0) {
        return Err(CheckpointError::Invalid(format!(
            "config.json: {MERGED} is {merged:?}; it must have {layers} entries, one for each layer, and end with 0"
        )));
    }
    Ok(merged)
}

/// Returns the shape of the images.
fn image(config: &Config) -> Result<ImageShape, CheckpointError> {
    let [height, width] = pair(config, "image_size", 224)?;
    let [patch, other] = pair(config, "patch_size", 16)?;
    if patch != other {
        return Err(CheckpointError::UnsupportedModel(format!(
            "config.json has patch_size [{patch}, {other}]; only square patches are supported"
        )));
    }
    let channels = config.usize_or("num_channels", 3)?;
    checked(ImageShape {
        height,
        width,
        channels,
        patch,
        padded: false,
        resolution: Resolution::Constant,
    })
}
