//! Estimates on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::prune::plan::Plan;
use crate::prune::recipe::Mapping;
use crate::prune::report::CalibrationUse;

/// Estimated work, cost and size of a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Estimate)]
pub(crate) struct EstimateBody {
    /// Architecture of the model.
    #[schema(example = "bert")]
    architecture: String,
    /// MACs of the original model per row, on average over the calibration rows (1 MAC = 2 FLOPs).
    macs: u64,
    /// Number of parameters of the original model.
    parameters: u64,
    /// Size of the weights of the original model in bytes.
    bytes: u64,
    /// Maximum cost of the pruned model. The unit depends on `target.metric`: MACs for `flops`, a number of parameters
    /// for `params` and nanoseconds for `latency_ms`.
    target_cost: u64,
    /// Cost of the smallest model that the constraints allow, in the unit of `target_cost`. Smaller targets are
    /// unreachable.
    reachable_cost: u64,
    /// `reachable_cost` in percent of the cost of the original model, from 0 to 100.
    reachable_percent: f64,
    /// Groups of prunable units, in the order of the model.
    groups: Vec<GroupBody>,
    /// The part of the calibration dataset that the job uses.
    calibration: CalibrationUse,
    /// Columns of the calibration dataset that the job reads. All are null for images.
    calibration_columns: Mapping,
    /// Columns of the evaluation dataset that the job reads. Null if there is none.
    evaluation_columns: Option<Mapping>,
    /// MACs of scoring in all rounds, without the score audit.
    scoring_macs: u64,
    /// Estimated scoring time in milliseconds, extrapolated from timed forward passes on the machine of the service.
    /// The worker can be another machine. Repair and evaluation are not included.
    scoring_ms: u64,
    /// Estimated peak memory of weights and activations in bytes.
    peak_bytes: u64,
}

/// A group of prunable units of one layer: its neurons, the values or the queries of its attention heads, or the heads.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnitGroup)]
pub(crate) struct GroupBody {
    /// Name of the group.
    #[schema(example = "encoder.layer.0.heads")]
    group: String,
    /// Kind of its units: `value` or `query` (dimensions inside attention heads), `head` or `neuron`.
    #[schema(example = "head")]
    kind: String,
    /// Number of units of the original model.
    width: usize,
    /// MACs of one unit per row, on average over the calibration rows.
    macs_per_unit: u64,
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
            calibration: plan.calibration,
            calibration_columns: plan.calibration_columns,
            evaluation_columns: plan.evaluation_columns,
            scoring_macs: plan.scoring_macs,
            scoring_ms: plan.scoring_ms,
            peak_bytes: plan.peak_bytes,
        }
    }
}
