//! Declaration of prunable units as data.

use std::ops::Range;

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
    /// The tensors from which slices are removed together with a unit.
    pub slices: Vec<ParamSlice>,
}

/// Place of a group's units in the chain of blocks. Unit `i` has the columns `first + i * span .. first + (i + 1) * span`
/// of the block's activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The block.
    pub block: usize,
    /// First column of unit 0.
    pub first: usize,
    /// Number of columns per unit: the head dimension, or 1 for a neuron.
    pub span: usize,
}

impl ParamSlice {
    /// Returns the indices of a unit's slice.
    #[must_use]
    pub fn indices(&self, unit: usize) -> Range<usize> {
        self.offset + unit * self.span..self.offset + (unit + 1) * self.span
    }
}

impl UnitGroup {
    /// Returns the columns of a unit in the activations of the group's block.
    #[must_use]
    pub fn columns(&self, unit: usize) -> Range<usize> {
        let Seat { first, span, .. } = self.seat;
        first + unit * span..first + (unit + 1) * span
    }

    /// Returns the columns of all units of the group.
    #[must_use]
    pub fn all_columns(&self) -> Range<usize> {
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
