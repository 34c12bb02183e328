//! Prunable units, declared as data.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// What kind of thing a unit is.
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
    /// The kind as it is written in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The interchangeable units of one block: dropping unit `i` drops slice `i` of every tensor that
/// is listed. Group `b` of a model belongs to block `b` of its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitGroup {
    /// Its name in the graph, for example `encoder.layer.3.heads`.
    pub name: String,
    /// What its units are.
    pub kind: UnitKind,
    /// How many units there are; 0 in a model that was pruned to the ground here.
    pub width: usize,
    /// Columns of the block's activations that one unit owns (a head's dimension; 1 for a neuron).
    pub span: usize,
    /// What goes with a unit.
    pub slices: Vec<ParamSlice>,
    /// Tensor name of the linear map that consumes the units, `[out, width * span]`.
    pub projection_weight: String,
    /// Tensor name of its bias, `[out]`.
    pub projection_bias: String,
}

/// A tensor of which every unit of a group owns a slice: unit `i` owns the indices
/// `offset + i * span .. offset + (i + 1) * span` of dimension `dim`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSlice {
    /// The tensor's name in the checkpoint.
    pub tensor: String,
    /// The dimension that is cut.
    pub dim: usize,
    /// Where unit 0 begins (a fused projection holds several parts).
    pub offset: usize,
    /// How many indices a unit owns.
    pub span: usize,
}
