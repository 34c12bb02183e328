//! The feed-forward block. Its units are neurons.

use candle_core::{Result, Tensor};

use super::config::BertConfig;
use super::load;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::nn::activation::Activation;
use crate::model::nn::layer_norm::LayerNorm;
use crate::model::nn::linear::Linear;
use crate::model::nn::traced::Traced;
use crate::model::unit::{ParamSlice, UnitGroup, UnitKind};

pub(super) struct FeedForwardBlock {
    intermediate: Linear,
    activation: Activation,
    output: Linear,
    norm: LayerNorm,
}

fn name(layer: usize) -> String {
    format!("bert.encoder.layer.{layer}")
}

impl FeedForwardBlock {
    pub(super) fn load(
        config: &BertConfig,
        layer: usize,
        weights: &Weights,
    ) -> std::result::Result<Self, CheckpointError> {
        let name = name(layer);
        let (hidden, width) = (config.hidden, config.neurons[layer]);
        Ok(Self {
            intermediate: load::linear(
                weights,
                &format!("{name}.intermediate.dense"),
                hidden,
                width,
            )?,
            activation: config.activation,
            output: load::linear(weights, &format!("{name}.output.dense"), width, hidden)?,
            norm: load::layer_norm(
                weights,
                &format!("{name}.output.LayerNorm"),
                hidden,
                config.norm_epsilon,
            )?,
        })
    }

    /// Computes the neurons: `[rows, length, hidden]` to `[rows, length, neurons]`.
    pub(super) fn neurons(&self, hidden: &Tensor) -> Result<Tensor> {
        self.intermediate.forward_activated(hidden, self.activation)
    }

    /// Computes the same as [`neurons`](Self::neurons), with a pullback.
    pub(super) fn neurons_traced(&self, hidden: &Tensor) -> Result<Traced> {
        self.intermediate.traced_activated(hidden, self.activation)
    }

    pub(super) fn output(&self) -> &Linear {
        &self.output
    }

    pub(super) fn norm(&self) -> &LayerNorm {
        &self.norm
    }
}

/// Returns the group of a layer's neurons. Each neuron has a row of the first linear map and a column of the second.
pub(super) fn group(config: &BertConfig, layer: usize) -> UnitGroup {
    let name = name(layer);
    let slice = |part: &str, dim| ParamSlice {
        tensor: format!("{name}.{part}"),
        dim,
        offset: 0,
        span: 1,
    };
    UnitGroup {
        name: format!("encoder.layer.{layer}.neurons"),
        kind: UnitKind::Neuron,
        width: config.neurons[layer],
        span: 1,
        slices: vec![
            slice("intermediate.dense.weight", 0),
            slice("intermediate.dense.bias", 0),
            slice("output.dense.weight", 1),
        ],
        projection_weight: format!("{name}.output.dense.weight"),
        projection_bias: format!("{name}.output.dense.bias"),
    }
}

/// Returns the MACs of one neuron: one row of the first map and one column of the second at each position.
pub(super) fn macs_per_neuron(config: &BertConfig, length: f64) -> u64 {
    (2.0 * length * config.hidden as f64).round() as u64
}
