//! Families of text encoders whose layers are those of BERT: attention, then a feed-forward layer, each with a norm after
//! its sum. A family is data: the names of its tensors and keys, its embeddings and its head.

use crate::model::nn::activation::Activation;

/// A family of text encoders.
pub(in crate::model) struct Family {
    /// Value of `model_type`.
    pub(in crate::model) model_type: &'static str,
    /// Names of the classes that write supported checkpoints. Each ends with the name of a [class](super::class::Class).
    pub(in crate::model) classes: &'static [&'static str],
    /// Name of the class of the body.
    pub(in crate::model) body_class: &'static str,
    /// Start of the names of the body's tensors.
    pub(in crate::model) prefix: &'static str,
    /// Beginnings of the names of the body's tensors after the prefix. A checkpoint of the body alone has no prefix.
    pub(in crate::model) body: &'static [&'static str],
    /// Names of the tensors of a layer.
    pub(in crate::model) layers: LayerNames,
    /// Keys of the sizes.
    pub(in crate::model) keys: SizeKeys,
    /// How the embeddings number the positions.
    pub(in crate::model) numbering: Numbering,
    /// Whether there are embeddings of segments.
    pub(in crate::model) has_segments: bool,
    /// The embeddings of tokens, if they may be narrower than the layers.
    pub(in crate::model) projection: Option<Projection>,
    /// The numbers that all layers add to the scores by the distance of two positions, if there are any.
    pub(in crate::model) relative: Option<RelativePositions>,
    /// The number that norms add to the variance, if no key sets it.
    pub(in crate::model) norm_epsilon: Option<f64>,
    /// The head of a sequence classification.
    pub(in crate::model) head: SequenceHead,
    /// Names and contents of the Python files with which `transformers` opens a result (`trust_remote_code=True`). The
    /// first one has the classes.
    pub(in crate::model) modeling: &'static [(&'static str, &'static str)],
}

/// Names of the tensors of a layer, without `.weight`. All but the first follow the name of the layer.
pub(in crate::model) struct LayerNames {
    /// The list of the layers, after the prefix of the body.
    pub(in crate::model) list: &'static str,
    pub(in crate::model) query: &'static str,
    pub(in crate::model) key: &'static str,
    pub(in crate::model) value: &'static str,
    pub(in crate::model) output: &'static str,
    /// The norm after the attention.
    pub(in crate::model) attention_norm: &'static str,
    /// The map to the neurons.
    pub(in crate::model) first: &'static str,
    /// The map from the neurons.
    pub(in crate::model) second: &'static str,
    /// The norm after the feed-forward layer.
    pub(in crate::model) feed_forward_norm: &'static str,
}

impl LayerNames {
    /// The names of BERT.
    pub(in crate::model) const OF_BERT: Self = Self {
        list: "encoder.layer",
        query: "attention.self.query",
        key: "attention.self.key",
        value: "attention.self.value",
        output: "attention.output.dense",
        attention_norm: "attention.output.LayerNorm",
        first: "intermediate.dense",
        second: "output.dense",
        feed_forward_norm: "output.LayerNorm",
    };
}

/// Keys of `config.json`.
pub(in crate::model) struct SizeKeys {
    pub(in crate::model) hidden: &'static str,
    pub(in crate::model) layers: &'static str,
    pub(in crate::model) heads: &'static str,
    pub(in crate::model) neurons: &'static str,
    pub(in crate::model) activation: &'static str,
}

impl SizeKeys {
    /// The keys of BERT.
    pub(in crate::model) const OF_BERT: Self = Self {
        hidden: "hidden_size",
        layers: "num_hidden_layers",
        heads: "num_attention_heads",
        neurons: "intermediate_size",
        activation: "hidden_act",
    };
}

/// How the embeddings number the positions of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Numbering {
    /// From 0.
    FromZero,
    /// From the number after the id of the padding token, which `pad_token_id` sets. Padding tokens have their own id as
    /// position and are not counted.
    AfterPadding,
    /// The same for a padding token with this id, whatever `pad_token_id` is.
    After(usize),
}

/// A linear map from the embeddings to the channels of the layers, for embeddings of another width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct Projection {
    /// Name of its tensors after the prefix of the body.
    pub(in crate::model) name: &'static str,
    /// Key of the width of the embeddings.
    pub(in crate::model) key: &'static str,
}

/// A table of numbers by the distance of two positions, with a column for each head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct RelativePositions {
    /// Name of the tensor after the prefix of the body.
    pub(in crate::model) table: &'static str,
    /// Key of its number of rows.
    pub(in crate::model) buckets: &'static str,
}

/// The head of a sequence classification: a linear map of the first position, an activation, and the classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) struct SequenceHead {
    /// Name of the first map.
    pub(in crate::model) dense: &'static str,
    pub(in crate::model) activation: Activation,
    /// Name of the classifier.
    pub(in crate::model) classifier: &'static str,
}
