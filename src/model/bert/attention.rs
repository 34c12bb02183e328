//! The attention block. Its units are heads.

use candle_core::{Result, Tensor};

use super::config::BertConfig;
use super::load;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::weights::Weights;
use crate::model::nn::attention::attend;
use crate::model::nn::attention_back;
use crate::model::nn::layer_norm::LayerNorm;
use crate::model::nn::linear::Linear;
use crate::model::nn::traced::Traced;
use crate::model::unit::{ParamSlice, UnitGroup, UnitKind};

pub(super) struct AttentionBlock {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm: LayerNorm,
    head_dim: usize,
}

fn name(layer: usize) -> String {
    format!("bert.encoder.layer.{layer}.attention")
}

impl AttentionBlock {
    pub(super) fn load(
        config: &BertConfig,
        layer: usize,
        weights: &Weights,
    ) -> std::result::Result<Self, CheckpointError> {
        let name = name(layer);
        let width = config.heads[layer] * config.head_dim;
        let incoming = |part: &str| {
            load::linear(
                weights,
                &format!("{name}.self.{part}"),
                config.hidden,
                width,
            )
        };
        Ok(Self {
            query: incoming("query")?,
            key: incoming("key")?,
            value: incoming("value")?,
            output: load::linear(
                weights,
                &format!("{name}.output.dense"),
                width,
                config.hidden,
            )?,
            norm: load::layer_norm(
                weights,
                &format!("{name}.output.LayerNorm"),
                config.hidden,
                config.norm_epsilon,
            )?,
            head_dim: config.head_dim,
        })
    }

    /// Computes the heads: `[rows, length, hidden]` to `[rows, length, heads * head_dim]`.
    pub(super) fn heads(&self, hidden: &Tensor) -> Result<Tensor> {
        let [query, key, value] =
            [&self.query, &self.key, &self.value].map(|linear| linear.forward(hidden));
        attend(&query?, &key?, &value?, self.head_dim)
    }

    /// Computes the same as [`heads`](Self::heads), with a pullback.
    pub(super) fn heads_traced(&self, hidden: &Tensor) -> Result<Traced> {
        let incoming = [self.query.clone(), self.key.clone(), self.value.clone()];
        let [query, key, value] = incoming.each_ref().map(|linear| linear.forward(hidden));
        let attention = attention_back::traced(query?, key?, value?, self.head_dim)?;
        Ok(Traced {
            value: attention.value.clone(),
            pull: Box::new(move |cotangent| {
                let [query, key, value] = attention.pull(&cotangent)?;
                let sum = (incoming[0].pull(&query)? + incoming[1].pull(&key)?)?;
                sum + incoming[2].pull(&value)?
            }),
        })
    }

    pub(super) fn output(&self) -> &Linear {
        &self.output
    }

    pub(super) fn norm(&self) -> &LayerNorm {
        &self.norm
    }
}

/// Returns the group of a layer's heads. Each head has `head_dim` rows of query, key and value, and `head_dim` columns
/// of the output.
pub(super) fn group(config: &BertConfig, layer: usize) -> UnitGroup {
    let name = name(layer);
    let slice = |tensor: String, dim| ParamSlice {
        tensor,
        dim,
        offset: 0,
        span: config.head_dim,
    };
    let parts = ["query", "key", "value"].into_iter();
    let mut slices: Vec<_> = parts
        .flat_map(|part| {
            ["weight", "bias"].map(|what| slice(format!("{name}.self.{part}.{what}"), 0))
        })
        .collect();
    slices.push(slice(format!("{name}.output.dense.weight"), 1));
    UnitGroup {
        name: format!("encoder.layer.{layer}.heads"),
        kind: UnitKind::Head,
        width: config.heads[layer],
        span: config.head_dim,
        slices,
        projection_weight: format!("{name}.output.dense.weight"),
        projection_bias: format!("{name}.output.dense.bias"),
    }
}

/// Returns the MACs of one head: four projections of `hidden x head_dim`, and scores and context over
/// `length x length` (Kwon et al. 2022).
pub(super) fn macs_per_head(config: &BertConfig, length: f64) -> u64 {
    let (hidden, head_dim) = (config.hidden as f64, config.head_dim as f64);
    (4.0 * length * hidden * head_dim + 2.0 * length * length * head_dim).round() as u64
}
