//! The configuration of a Mask2Former, whole or pruned, from `config.json`.

use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::model::batch::{ImageShape, Resolution};
use crate::model::config::{MAX_LAYERS, MAX_WIDTH, size};
use crate::model::convnet::image;
use crate::model::encoder::sizes::{LayerSizes, Whole};
use crate::model::nn::activation::Activation;
use crate::model::swin::config::SwinConfig;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &["Mask2FormerForUniversalSegmentation"];

/// Number of groups of every group norm. No key sets it.
pub(super) const NORM_GROUPS: usize = 32;

/// Number of points of a head on each map.
pub(super) const POINTS: usize = 4;

/// Number of maps that attention reads.
pub(super) const LEVELS: usize = 3;

/// The only supported value of `common_stride`, the side of the squares of pixels that have one position in masks.
const COMMON_STRIDE: usize = 4;

/// Key of the number of groups of channels of the last convolution of the pixel decoder. Only results of `optin` have it.
pub(super) const KEPT_GROUPS: &str = "mask_feature_groups";

/// Starts of the keys with the sizes of the layers of each kind.
pub(super) const ENCODER: &str = "encoder_";
pub(super) const CROSS: &str = "cross_attention_";
pub(super) const OWN: &str = "self_attention_";

/// The sizes of the graph.
pub(super) struct Mask2FormerConfig {
    pub(super) backbone: SwinConfig,
    pub(super) image: ImageShape,
    /// Number of channels of the pixel decoder.
    pub(super) features: usize,
    /// Number of channels of the features of masks.
    pub(super) mask_features: usize,
    /// Number of channels of queries.
    pub(super) hidden: usize,
    /// Sizes of the layers of the pixel decoder.
    pub(super) encoder: LayerSizes,
    /// Sizes of the attentions of queries to maps, and of the feed-forward layers after them.
    pub(super) cross: LayerSizes,
    /// Sizes of the attentions among queries.
    pub(super) own: LayerSizes,
    /// Number of groups of channels of the last convolution of the pixel decoder.
    pub(super) kept_groups: usize,
    pub(super) queries: usize,
    /// Whether the maps are projected for the queries.
    pub(super) projects: bool,
    /// Whether norms are before the layers of queries instead of after them.
    pub(super) pre_norm: bool,
    pub(super) activation: Activation,
    pub(super) labels: Vec<String>,
}

impl Mask2FormerConfig {
    pub(super) fn read(config: &Config) -> Result<Self, CheckpointError> {
        let backbone = config.nested("backbone_config")?;
        refuse_variants(config, &backbone)?;
        let backbone = SwinConfig::read(&backbone)?;
        let shape = image::image(config, backbone.channels)?;
        let heads = size(config, "num_attention_heads", MAX_WIDTH)?;
        let whole = |hidden: usize, neurons: usize| match hidden.is_multiple_of(heads) {
            true => Ok(Whole {
                heads,
                head_dim: hidden / heads,
                neurons,
            }),
            false => Err(CheckpointError::Invalid(format!(
                "config.json: num_attention_heads is {heads}, which does not divide {hidden} channels"
            ))),
        };
        let features = number(config, "feature_size", 256)?;
        if !features.is_multiple_of(NORM_GROUPS) {
            return Err(CheckpointError::Invalid(format!(
                "config.json: feature_size is {features}; it must be a multiple of {NORM_GROUPS}, the number of groups of its norms"
            )));
        }
        let hidden = number(config, "hidden_dim", 256)?;
        let encoder = whole(features, number(config, "encoder_feedforward_dim", 1024)?)?;
        let decoder = whole(hidden, number(config, "dim_feedforward", 2048)?)?;
        let encoder_layers = config.usize_or("encoder_layers", 6)?.min(MAX_LAYERS);
        // One less than the key says.
        let layers = number(config, "decoder_layers", 10)?.min(MAX_LAYERS) - 1;
        let activation = config.str_or("activation_function", "relu")?;
        let kept_groups = config.usize_or(KEPT_GROUPS, NORM_GROUPS)?;
        Ok(Self {
            image: ImageShape {
                patch: backbone.patch,
                padded: true,
                resolution: Resolution::Staged,
                ..shape
            },
            backbone,
            features,
            mask_features: number(config, "mask_feature_size", 256)?,
            hidden,
            encoder: LayerSizes::read_of(config, ENCODER, vec![encoder; encoder_layers])?,
            cross: LayerSizes::read_of(config, CROSS, vec![decoder; layers])?,
            own: LayerSizes::read_of(config, OWN, vec![decoder; layers])?,
            kept_groups: match kept_groups <= NORM_GROUPS {
                true => kept_groups,
                false => {
                    return Err(CheckpointError::Invalid(format!(
                        "config.json: {KEPT_GROUPS} is {kept_groups}; the maximum is {NORM_GROUPS}"
                    )));
                }
            },
            queries: number(config, "num_queries", 100)?,
            projects: features != hidden || config.bool_or("enforce_input_projection", false)?,
            pre_norm: config.bool_or("pre_norm", false)?,
            activation: Activation::named(activation).map_err(|unsupported| {
                CheckpointError::UnsupportedModel(format!(
                    "config.json has activation_function {unsupported}"
                ))
            })?,
            labels: config.labels()?,
        })
    }

    /// Returns the size of the map of each stage of the backbone.
    pub(super) fn sizes(&self) -> Vec<[usize; 2]> {
        let ImageShape { height, width, .. } = self.image;
        let patch = self.backbone.patch;
        let first = [height, width].map(|side| side.div_ceil(patch));
        let stages = 0..self.backbone.stages.len();
        stages
            .map(|stage| first.map(|side| side.div_ceil(1 << stage)))
            .collect()
    }
}

/// Returns a number from 1.
fn number(config: &Config, key: &str, default: usize) -> Result<usize, CheckpointError> {
    match config.usize_or(key, default)? {
        number if (1..=MAX_WIDTH).contains(&number) => Ok(number),
        number => Err(CheckpointError::Invalid(format!(
            "config.json: {key} is {number}; it must be between 1 and {MAX_WIDTH}"
        ))),
    }
}

/// Rejects variants that compute something else.
fn refuse_variants(config: &Config, backbone: &Config) -> Result<(), CheckpointError> {
    let unsupported = |what: String| {
        Err(CheckpointError::UnsupportedModel(format!(
            "config.json {what}"
        )))
    };
    let model_type = backbone.model_type()?;
    if model_type != "swin" {
        return unsupported(format!(
            "has a backbone with model_type \"{model_type}\"; only \"swin\" is supported"
        ));
    }
    let stages = backbone
        .usize_list("depths")?
        .map_or(4, |depths| depths.len());
    if stages != LEVELS + 1 {
        return unsupported(format!(
            "has a backbone with {stages} stages; only {} are supported",
            LEVELS + 1
        ));
    }
    let stride = config.usize_or("common_stride", COMMON_STRIDE)?;
    if stride != COMMON_STRIDE {
        return unsupported(format!(
            "has common_stride {stride}; only {COMMON_STRIDE} is supported"
        ));
    }
    Ok(())
}
