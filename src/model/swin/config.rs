//! The configuration of a Swin transformer, whole or pruned, from `config.json`.

use crate::checkpoint::config::Config;
use crate::checkpoint::error::CheckpointError;
use crate::model::config::{MAX_LAYERS, MAX_WIDTH, activation_or, norm_epsilon};
use crate::model::encoder::sizes::{LayerSizes, Whole};
use crate::model::image_config::pair;
use crate::model::nn::activation::Activation;
use crate::model::nn::windows::Windows;

/// Names of the classes that write supported checkpoints.
pub const CLASSES: &[&str] = &["SwinForImageClassification"];

/// Maximum number of stages.
const MAX_STAGES: usize = 16;

/// The sizes of the graph.
pub(in crate::model) struct SwinConfig {
    pub(in crate::model) stages: Vec<Stage>,
    /// Sizes of the blocks of all stages.
    pub(in crate::model) sizes: LayerSizes,
    /// Number of channels of an image.
    pub(in crate::model) channels: usize,
    /// Side of the squares of pixels of which a position is made.
    pub(in crate::model) patch: usize,
    /// Height and width of a window, in positions.
    pub(in crate::model) window: usize,
    pub(in crate::model) has_qkv_bias: bool,
    pub(in crate::model) activation: Activation,
    pub(in crate::model) norm_epsilon: f64,
}

/// A stage: blocks with equally many channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct Stage {
    /// Number of channels.
    pub(in crate::model) hidden: usize,
    /// Number of blocks.
    pub(in crate::model) depth: usize,
}

impl SwinConfig {
    pub(in crate::model) fn read(config: &Config) -> Result<Self, CheckpointError> {
        if config.bool_or("use_absolute_embeddings", false)? {
            return Err(CheckpointError::UnsupportedModel(
                "config.json has use_absolute_embeddings = true; only relative positions are supported".to_owned(),
            ));
        }
        // A larger number would overflow below.
        let embedded = config.usize_or("embed_dim", 96)?.min(MAX_WIDTH + 1);
        let depths = list(config, "depths", &[2, 2, 6, 2])?;
        let heads = list(config, "num_heads", &[3, 6, 12, 24])?;
        let invalid = |what: String| Err(CheckpointError::Invalid(format!("config.json: {what}")));
        let stages = depths.len();
        if stages == 0 || stages > MAX_STAGES || heads.len() != stages {
            return invalid(format!(
                "depths is {depths:?} and num_heads is {heads:?}; both must have an entry for each of 1 to {MAX_STAGES} stages"
            ));
        }
        let layers: usize = depths.iter().sum();
        let widest = embedded << (stages - 1);
        if depths.contains(&0) || layers > MAX_LAYERS || !(1..=MAX_WIDTH).contains(&widest) {
            return invalid(format!(
                "embed_dim is {embedded} and depths is {depths:?}; a stage must have a block, the stages at most {MAX_LAYERS} blocks, and the last one 1 to {MAX_WIDTH} channels"
            ));
        }
        let ratio = config.map().get("mlp_ratio");
        let ratio = ratio.map_or(Some(4.0), serde_json::Value::as_f64);
        let Some(ratio) = ratio.filter(|ratio| (0.0..=MAX_WIDTH as f64).contains(ratio)) else {
            return invalid("mlp_ratio must be a number from 0".to_owned());
        };
        let mut whole = Vec::with_capacity(layers);
        let mut of_stages = Vec::with_capacity(stages);
        for (stage, (&depth, &heads)) in depths.iter().zip(&heads).enumerate() {
            let hidden = embedded << stage;
            if heads == 0 || !hidden.is_multiple_of(heads) {
                return invalid(format!(
                    "num_heads has {heads} for stage {stage}, which does not divide its {hidden} channels"
                ));
            }
            let of_layer = Whole {
                heads,
                head_dim: hidden / heads,
                neurons: ((ratio * hidden as f64) as usize).min(MAX_WIDTH),
            };
            whole.extend(vec![of_layer; depth]);
            of_stages.push(Stage { hidden, depth });
        }
        Ok(Self {
            stages: of_stages,
            sizes: LayerSizes::read(config, whole)?,
            channels: config.usize_or("num_channels", 3)?,
            patch: square(config, "patch_size", 4)?,
            window: square(config, "window_size", 7)?,
            has_qkv_bias: config.bool_or("qkv_bias", true)?,
            activation: activation_or(config, "gelu")?,
            norm_epsilon: match config.map().contains_key("layer_norm_eps") {
                true => norm_epsilon(config)?,
                false => 1e-5,
            },
        })
    }

    /// Returns the windows of the block `block` of a stage whose map has this height and width: shifted ones in every
    /// second block. A classifier does not shift windows that cover a side of the map.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Invalid`] if the map is smaller than a window, which classifiers cannot divide.
    pub(in crate::model) fn windows(
        &self,
        block: usize,
        [height, width]: [usize; 2],
        always_shifts: bool,
    ) -> Result<Windows, CheckpointError> {
        let side = self.window;
        let smallest = height.min(width);
        if smallest < side && !always_shifts {
            return Err(CheckpointError::Invalid(format!(
                "config.json: window_size is {side}, but a stage has maps of {height} x {width} positions; use larger images or smaller windows"
            )));
        }
        let shifts = block % 2 == 1 && (smallest > side || always_shifts);
        Ok(Windows {
            side,
            shift: if shifts { side / 2 } else { 0 },
        })
    }
}

/// Returns a list of numbers, or the default if it is missing.
fn list(config: &Config, key: &str, default: &[usize]) -> Result<Vec<usize>, CheckpointError> {
    let list = config.usize_list(key)?;
    Ok(list.unwrap_or_else(|| default.to_vec()))
}

/// Returns the side of a square.
fn square(config: &Config, key: &str, default: usize) -> Result<usize, CheckpointError> {
    let [height, width] = pair(config, key, default)?;
    match height == width && height > 0 {
        true => Ok(height),
        false => Err(CheckpointError::UnsupportedModel(format!(
            "config.json has {key} [{height}, {width}]; only squares are supported"
        ))),
    }
}
