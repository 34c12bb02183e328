//! The document that a finished prune leaves: what was asked, what was done, what it cost and what
//! came of it (`report.json`).
//!
//! Every figure is measured on the model that is shipped: accuracy, fidelity and latency on the
//! cut checkpoint after it was written and read back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audit::AuditReport;
use super::inputs::Input;
use super::recipe::{Estimator, Recipe};
use crate::model::device::{Device, kind};

/// `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of `optin` that wrote this.
    pub optin_version: String,
    /// What was asked.
    pub recipe: Recipe,
    /// Every file that was read.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Architecture as the registry names it.
    pub architecture: String,
    /// On what it was pruned and measured: `cpu` or `cuda`.
    #[serde(default = "Report::default_device")]
    pub device: String,
    /// How the scores were really made: `exact` where the architecture cannot be sketched.
    pub estimator: Estimator,
    /// The scores held against exact ones; `None` where nobody asked, or all are exact.
    #[serde(default)]
    pub audit: Option<AuditReport>,
    /// Calibration as it was used.
    pub calibration: CalibrationUse,
    /// Size before and after.
    pub size: BeforeAfter<Size>,
    /// Share of the FLOPs kept: `size.after.macs / size.before.macs`.
    pub kept: f64,
    /// What each group kept.
    pub groups: Vec<GroupReport>,
    /// Repair, projection by projection; empty without compensation.
    pub compensation: Vec<CompensationReport>,
    /// Largest difference of a logit between the cut model and the masked original, relative to the
    /// largest logit: rounding, and nothing else.
    pub consistency: f64,
    /// How near the cut model stays to the original on unseen (else calibration) rows.
    pub fidelity: Fidelity,
    /// Quality on labelled rows, where an evaluation file was given.
    pub evaluation: Option<EvaluationReport>,
    /// Forward time of both models, measured in turns on this machine.
    pub latency: Latency,
    /// Most memory that weights and activations were to take at once, as planned, in bytes.
    #[serde(default)]
    pub peak_bytes: u64,
    /// Time and work of each stage in this attempt; what was taken up from the journal cost neither.
    #[serde(alias = "stage_ms")]
    pub stages: Vec<StageTime>,
    /// What a user should know of how the sources were read, and what of them the result lacks: sentences.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Report {
    /// The device of reports that do not say.
    fn default_device() -> String {
        kind(&Device::Cpu).to_owned()
    }
}

/// The same quantity of the original and of the cut model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BeforeAfter<T> {
    /// The original.
    pub before: T,
    /// The cut model.
    pub after: T,
}

/// How large a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    /// Multiply-accumulates of one forward at the calibration set's mean length (FLOPs = 2 x MACs).
    pub macs: u64,
    /// Number of weights.
    pub parameters: u64,
    /// Bytes of `model.safetensors`.
    pub bytes: u64,
}

/// What of the calibration file was used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationUse {
    /// Rows drawn for repair.
    pub rows: usize,
    /// Of these, rows that scoring looked at.
    pub scoring_rows: usize,
    /// Tokens of the drawn rows, padding not counted (there is none).
    pub tokens: usize,
    /// Mean tokens a row; costs are counted at this length.
    pub mean_length: f64,
    /// Token rows in the Gram matrices.
    pub gram_tokens: usize,
}

/// What one group of units kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GroupReport {
    /// The group's name in the graph.
    pub group: String,
    /// `head`, `neuron`, ...
    pub kind: String,
    /// Units before.
    pub width: usize,
    /// Units kept.
    pub kept: usize,
}

/// How much of the error a repair took away, on rows that it was not fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CompensationReport {
    /// The group whose projection was solved again.
    pub group: String,
    /// Relative squared error of the projection's output before the repair.
    pub error_before: f64,
    /// ... and after it.
    pub error_after: f64,
    /// Whether the repaired weights were taken (they lower the held-out error).
    pub accepted: bool,
}

/// Nearness of the cut model's outputs to the original's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fidelity {
    /// Rows compared.
    pub rows: usize,
    /// Share of rows with the same predicted class; `None` for regression.
    pub agreement: Option<f64>,
    /// Mean KL(original || cut) in nats at temperature 1; for regression the mean squared difference.
    pub divergence: f64,
    /// Mean cosine between the last features of both models.
    pub feature_cosine: f64,
}

/// Quality on labelled rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluationReport {
    /// `accuracy`, or `spearman` for regression.
    pub metric: String,
    /// Rows measured; both models saw the same.
    pub rows: usize,
    /// The metric of both models.
    pub score: BeforeAfter<f64>,
    /// Standard error of each score.
    pub standard_error: BeforeAfter<f64>,
    /// Half-width of the 95 % interval of the paired difference `after - before`.
    pub difference_interval: f64,
    /// The metric with the cut but without repair: what the selection alone is worth.
    pub without_compensation: Option<f64>,
    /// The metric of a model that always gives the commonest answer; `None` for regression.
    pub constant: Option<f64>,
    /// Rows that were left out because they have no label.
    #[serde(default)]
    pub unlabelled_rows: usize,
    /// Why the original may score so low: a sentence, where its answers suggest that labels are in another order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Forward time of one batch, both models in turns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Rows a batch.
    pub batch: usize,
    /// Tokens a row.
    pub length: usize,
    /// Pairs of forwards timed.
    pub rounds: usize,
    /// Median milliseconds.
    pub median_ms: BeforeAfter<f64>,
    /// Median of the paired ratios `before / after`: above 1 the cut model is faster.
    pub speedup: f64,
}

/// Time and work of one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageTime {
    /// Which stage.
    pub stage: super::stage::Stage,
    /// Wall time in milliseconds.
    pub ms: u64,
    /// Multiply-accumulates of the matrix products that were executed.
    #[serde(default)]
    pub macs: u64,
}
