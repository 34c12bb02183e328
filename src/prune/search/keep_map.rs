//! The choice as a document (`keep_map.json`): which units of the original the cut model has, by their
//! indices there.

use serde::{Deserialize, Serialize};

use crate::model::mask::Masks;
use crate::model::unit::{UnitGroup, UnitKind};

/// `keep_map.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepMap {
    /// In the order of the graph.
    pub groups: Vec<KeptUnits>,
}

/// What one group kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptUnits {
    /// The group's name.
    pub group: String,
    /// What its units are.
    pub kind: UnitKind,
    /// Units before.
    pub width: usize,
    /// Indices of the kept units, rising.
    pub kept: Vec<usize>,
}

impl KeepMap {
    /// The choice, told by names.
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
