//! Declaration of prunable units as data.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

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
    /// A neuron of a feed-forward layer.
    Neuron,
}

impl UnitKind {
    /// Returns the kind's name as used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The interchangeable units of one block. Removing unit `i` removes slice `i` of every listed tensor.
/// Group `b` of a model belongs to block `b` of its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitGroup {
    /// Name in the graph, for example `encoder.layer.3.heads`.
    pub name: String,
    /// Kind of the units.
    pub kind: UnitKind,
    /// Number of units. It is 0 if a pruned model has no units left in this block.
    pub width: usize,
    /// Number of columns of the block's activations per unit: the head dimension, or 1 for a neuron.
    pub span: usize,
    /// The tensors from which slices are removed together with a unit.
    pub slices: Vec<ParamSlice>,
    /// Tensor name of the linear map that consumes the units, `[out, width * span]`.
    pub projection_weight: String,
    /// Tensor name of its bias, `[out]`.
    pub projection_bias: String,
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
