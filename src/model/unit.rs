//! Declaration of prunable units as data.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};

/// Kind of a unit.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// An attention head.
    Head,
    /// A channel of the values of an attention head, after a rotation of the head.
    Value,
    /// A channel of the queries and keys of an attention head, after a rotation of the head.
    Query,
    /// A neuron of a feed-forward layer.
    Neuron,
    /// A channel of a feature map between two convolutions.
    Channel,
}

/// Units of attention layers.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
    EnumMessage,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Units {
    /// Channels of the values and of the queries of heads. The heads are first rotated so that few of their channels
    /// matter, which does not change the model. All kept heads of a layer keep equally many channels.
    Dimensions,
    /// Whole heads, as in the OPTIN paper.
    Heads,
}

impl UnitKind {
    /// Returns the kind's name as used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Interchangeable units of a model. Removing unit `i` removes slice `i` of every listed tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitGroup {
    /// Name in the graph, for example `encoder.layer.3.heads`.
    pub name: String,
    /// Kind of the units.
    pub kind: UnitKind,
    /// Place of the units in the graph.
    pub seat: Seat,
    /// Number of units. It is 0 if a pruned model has no units left there.
    pub width: usize,
    /// The attention heads to which the units belong. `None` if the units do not belong to heads, or are heads.
    pub heads: Option<InHeads>,
    /// The tensors from which slices are removed together with a unit.
    pub slices: Vec<ParamSlice>,
}

/// Attention heads whose channels are the units of a group. Each head has `width / count` consecutive units. All kept
/// heads keep equally many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InHeads {
    /// Number of heads.
    pub count: usize,
    /// The group with the values of the same heads, if this group has their queries. A head without values has no effect,
    /// so it keeps no queries.
    pub values: Option<usize>,
    /// The tensors from which slices are removed together with a head. Slice `i` belongs to head `i`.
    pub slices: Vec<ParamSlice>,
}

/// Place of a group's units in the chain of blocks. Unit `i` has the channels
/// `first + i * span .. first + (i + 1) * span`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The block.
    pub block: usize,
    /// The channels of the block that belong to the units.
    pub channels: Channels,
    /// First channel of unit 0.
    pub first: usize,
    /// Number of channels per unit: the head dimension, or 1 for a neuron.
    pub span: usize,
}

/// Channels of a block that units can own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// The columns of the block's activations, which its projection reads.
    Columns,
    /// The [inner channels](super::layer::Layer::inner_channels) of the layers that compute these activations.
    Inner,
}

impl ParamSlice {
    /// Creates the slices of a tensor of which each unit has one index, the first unit the index 0.
    #[must_use]
    pub fn single(tensor: String, dim: usize) -> Self {
        Self {
            tensor,
            dim,
            offset: 0,
            span: 1,
        }
    }

    /// Returns the indices of a unit's slice.
    #[must_use]
    pub fn indices(&self, unit: usize) -> Range<usize> {
        self.offset + unit * self.span..self.offset + (unit + 1) * self.span
    }
}

impl UnitGroup {
    /// Creates a group without slices. Its units are all columns of a block.
    #[must_use]
    pub fn of_columns(
        name: String,
        kind: UnitKind,
        block: usize,
        width: usize,
        span: usize,
    ) -> Self {
        Self {
            name,
            kind,
            seat: Seat {
                block,
                channels: Channels::Columns,
                first: 0,
                span,
            },
            width,
            heads: None,
            slices: Vec::new(),
        }
    }

    /// Returns the channels of a unit.
    #[must_use]
    pub fn channels(&self, unit: usize) -> Range<usize> {
        let Seat { first, span, .. } = self.seat;
        first + unit * span..first + (unit + 1) * span
    }

    /// Whether the units are columns of the block's activations.
    #[must_use]
    pub fn is_columns(&self) -> bool {
        self.seat.channels == Channels::Columns
    }

    /// Returns the number of attention heads that hold the units. 0 if the units do not belong to heads, or are heads.
    #[must_use]
    pub fn heads(&self) -> usize {
        self.heads.as_ref().map_or(0, |heads| heads.count)
    }

    /// Returns the channels of all units of the group.
    #[must_use]
    pub fn all_channels(&self) -> Range<usize> {
        self.seat.first..self.seat.first + self.width * self.seat.span
    }
}

/// A tensor in which every unit of a group has a slice. The slice of unit `i` has the indices
/// `offset + i * span .. offset + (i + 1) * span` of dimension `dim`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSlice {
    /// Name of the tensor in the checkpoint.
    pub tensor: String,
    /// The dimension from which slices are removed.
    pub dim: usize,
    /// First index of unit 0. It is not 0 if a fused projection holds several parts.
    pub offset: usize,
    /// Number of indices per unit.
    pub span: usize,
}
