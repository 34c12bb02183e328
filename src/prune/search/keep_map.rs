//! The selection as a document (`keep_map.json`): the units that the pruned model keeps, by their indices in the
//! original.

use serde::{Deserialize, Serialize};

use crate::model::mask::Masks;
use crate::model::unit::{UnitGroup, UnitKind};

/// `keep_map.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepMap {
    /// One entry per group, in the order of the graph.
    pub groups: Vec<KeptUnits>,
}

/// Kept units of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptUnits {
    /// The group's name.
    pub group: String,
    /// Kind of the units.
    pub kind: UnitKind,
    /// Number of units before pruning.
    pub width: usize,
    /// Indices of the kept units, in ascending order.
    pub kept: Vec<usize>,
}

impl KeepMap {
    /// Creates the document from the masks.
    #[must_use]
    pub fn new(groups: &[UnitGroup], masks: &Masks) -> Self {
        let groups = groups.iter().enumerate().map(|(index, group)| KeptUnits {
            group: group.name.clone(),
            kind: group.kind,
            width: group.width,
            kept: masks.kept(index),
        });
        Self {
            groups: groups.collect(),
        }
    }
}
