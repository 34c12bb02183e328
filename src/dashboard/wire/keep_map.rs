//! The file `keep_map.json` of a result.

use serde::Deserialize;

/// The units that the pruned model keeps.
#[derive(Deserialize)]
pub(crate) struct KeepMap {
    groups: Vec<Group>,
}

/// The kept units of a group.
#[derive(Deserialize)]
struct Group {
    group: String,
    /// Their indices in the original, in ascending order.
    kept: Vec<usize>,
}

impl KeepMap {
    /// The kept units of a group, by their indices in the original.
    pub(crate) fn kept(&self, name: &str) -> Option<&[usize]> {
        let group = self.groups.iter().find(|group| group.group == name);
        group.map(|group| group.kept.as_slice())
    }
}
