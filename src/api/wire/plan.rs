//! Estimates on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::prune::plan::Plan;

/// Estimated work, cost and size of a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Estimate)]
pub(crate) struct EstimateBody {
    #[schema(example = "bert")]
    architecture: String,
    /// MACs of one row at the mean length of the calibration rows (1 MAC = 2 FLOPs).
    macs: u64,
    /// Number of parameters.
    parameters: u64,
    /// Size of `model.safetensors` in bytes.
    bytes: u64,
    /// Maximum cost of the pruned model in the target's metric: MACs, parameters or nanoseconds.
    target_cost: u64,
    /// Cost of the smallest model that the constraints allow, in the same unit. Targets below it are unreachable.
    reachable_cost: u64,
    /// `reachable_cost` in percent of the original cost.
    reachable_percent: f64,
    /// Groups of prunable units.
    groups: Vec<GroupBody>,
    calibration: CalibrationUseBody,
    /// MACs of scoring, without an audit.
    scoring_macs: u64,
    /// Estimated scoring time on this machine in milliseconds, extrapolated from one timed forward pass.
    scoring_ms: u64,
    /// Peak memory of weights and activations in bytes.
    peak_bytes: u64,
}

/// A group of prunable units.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnitGroup)]
pub(crate) struct GroupBody {
    /// Name of the group.
    #[schema(example = "encoder.layer.0.heads")]
    group: String,
    /// Kind of its units.
    #[schema(example = "head")]
    kind: String,
    /// Number of units.
    width: usize,
    /// MACs of one unit for one row.
    macs_per_unit: u64,
}

/// The part of the calibration dataset that the job uses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CalibrationUse)]
pub(crate) struct CalibrationUseBody {
    /// Number of sampled rows.
    rows: usize,
    /// Number of sampled rows for scoring.
    scoring_rows: usize,
    /// Number of tokens in the sampled rows.
    tokens: usize,
    /// Mean number of tokens per row.
    mean_length: f64,
    /// Number of tokens in the Gram matrices.
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
