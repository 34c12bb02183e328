//! An estimate on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::prune::plan::Plan;

/// What a job would do and cost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EstimateBody {
    #[schema(example = "bert")]
    architecture: String,
    /// MACs of one row of the calibration set's mean length.
    macs: u64,
    /// Number of weights.
    parameters: u64,
    /// Bytes of `model.safetensors`.
    bytes: u64,
    /// What the cut model may cost in the target's metric: MACs, parameters, or nanoseconds.
    target_cost: u64,
    /// The same when every unit is gone that may go: no target below this can be met.
    reachable_cost: u64,
    /// The same as a share of the whole model, in percent.
    reachable_percent: f64,
    /// The groups of units and what each unit costs.
    groups: Vec<GroupBody>,
    calibration: CalibrationUseBody,
    /// MACs that scoring will execute, an audit not counted.
    scoring_macs: u64,
    /// Scoring time in milliseconds on this machine, extrapolated from one timed forward.
    scoring_ms: u64,
    /// Most memory that weights and activations will take, in bytes.
    peak_bytes: u64,
}

/// One group of units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupBody {
    #[schema(example = "encoder.layer.0.heads")]
    group: String,
    #[schema(example = "head")]
    kind: String,
    width: usize,
    macs_per_unit: u64,
}

/// What of the calibration file will be used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CalibrationUseBody {
    rows: usize,
    scoring_rows: usize,
    tokens: usize,
    mean_length: f64,
    gram_tokens: usize,
}

impl From<Plan> for EstimateBody {
    fn from(plan: Plan) -> Self {
        let reachable_percent = plan.reachable_percent();
        let groups = plan.groups.into_iter().map(|group| GroupBody {
            group: group.group,
            kind: group.kind,
            width: group.width,
            macs_per_unit: group.macs_per_unit,
        });
        Self {
            architecture: plan.architecture,
            macs: plan.size.macs,
            parameters: plan.size.parameters,
            bytes: plan.size.bytes,
            target_cost: plan.target_cost,
            reachable_cost: plan.reachable_cost,
            reachable_percent,
            groups: groups.collect(),
            calibration: CalibrationUseBody {
                rows: plan.calibration.rows,
                scoring_rows: plan.calibration.scoring_rows,
                tokens: plan.calibration.tokens,
                mean_length: plan.calibration.mean_length,
                gram_tokens: plan.calibration.gram_tokens,
            },
            scoring_macs: plan.scoring_macs,
            scoring_ms: plan.scoring_ms,
            peak_bytes: plan.peak_bytes,
        }
    }
}
