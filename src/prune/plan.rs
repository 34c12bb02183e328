//! What a job will do and cost, before anything is scored (`plan.json`; the answer to an estimate).

use serde::{Deserialize, Serialize};

use super::report::{CalibrationUse, Size};

/// `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Architecture as the registry names it.
    pub architecture: String,
    /// The model as it is.
    pub size: Size,
    /// MACs that the cut model may cost.
    pub target_macs: u64,
    /// MACs when every unit is gone: no target below this can be met.
    pub reachable_macs: u64,
    /// The groups of units and what each unit costs.
    pub groups: Vec<GroupPlan>,
    /// What of the calibration file will be used.
    pub calibration: CalibrationUse,
    /// MACs that scoring will execute.
    pub scoring_macs: u64,
    /// Scoring time in milliseconds, extrapolated from one timed forward on this machine.
    pub scoring_ms: u64,
    /// Most memory that weights and activations will take at once, in bytes.
    pub peak_bytes: u64,
}

/// One group of units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPlan {
    /// The group's name in the graph.
    pub group: String,
    /// `head`, `neuron`, ...
    pub kind: String,
    /// How many units.
    pub width: usize,
    /// MACs that one unit costs at the calibration set's mean length.
    pub macs_per_unit: u64,
}
