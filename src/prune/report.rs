//! The report of a completed job (`report.json`): the recipe, what was done, its cost and the results.
//!
//! Every figure is measured on the model that is delivered: accuracy, fidelity and latency are those of
//! the pruned checkpoint after it was written and read back.

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
    /// The recipe.
    pub recipe: Recipe,
    /// Every file that the job read.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Architecture as the registry names it.
    pub architecture: String,
    /// The device on which the model was pruned and measured: `cpu` or `cuda`.
    #[serde(default = "Report::default_device")]
    pub device: String,
    /// The estimator that was used: `exact` if the architecture does not support sketches.
    pub estimator: Estimator,
    /// Comparison of the scores with exact ones. `None` if no audit was requested or all scores are exact.
    #[serde(default)]
    pub audit: Option<AuditReport>,
    /// What was used of the calibration file.
    pub calibration: CalibrationUse,
    /// Size before and after.
    pub size: BeforeAfter<Size>,
    /// Fraction of the FLOPs kept: `size.after.macs / size.before.macs`.
    pub kept: f64,
    /// Kept units of each group.
    pub groups: Vec<GroupReport>,
    /// Repair of each projection. Empty without compensation.
    pub compensation: Vec<CompensationReport>,
    /// Largest difference of a logit between the pruned model and the masked original, relative to the
    /// largest logit. Only rounding contributes to it.
    pub consistency: f64,
    /// Similarity of the pruned model to the original on the evaluation rows, or on the calibration rows if there are
    /// no evaluation rows.
    pub fidelity: Fidelity,
    /// Quality on labeled rows, if the recipe names an evaluation file.
    pub evaluation: Option<EvaluationReport>,
    /// Forward time of both models, measured alternately on this machine.
    pub latency: Latency,
    /// Estimated peak memory of weights and activations, in bytes, from the plan.
    #[serde(default)]
    pub peak_bytes: u64,
    /// Time and MACs of each stage in this attempt. Results loaded from the journal add neither.
    #[serde(alias = "stage_ms")]
    pub stages: Vec<StageTime>,
    /// Notes for the user, as sentences: how the sources were read, and what of them the result does not contain.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Report {
    /// Returns the device for reports without the field.
    fn default_device() -> String {
        kind(&Device::Cpu).to_owned()
    }
}

/// The same quantity for the original and the pruned model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BeforeAfter<T> {
    /// Value of the original model.
    pub before: T,
    /// Value of the pruned model.
    pub after: T,
}

/// Size of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    /// Multiply-accumulates of one forward pass of a row with the calibration set's mean length (FLOPs = 2 x MACs).
    pub macs: u64,
    /// Number of weights.
    pub parameters: u64,
    /// Bytes of `model.safetensors`.
    pub bytes: u64,
}

/// What of the calibration file was used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationUse {
    /// Rows sampled for the repair.
    pub rows: usize,
    /// How many of these rows scoring read.
    pub scoring_rows: usize,
    /// Tokens of the sampled rows. There is no padding.
    pub tokens: usize,
    /// Mean number of tokens per row. Costs are counted at this length.
    pub mean_length: f64,
    /// Token rows in the Gram matrices.
    pub gram_tokens: usize,
}

/// Kept units of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GroupReport {
    /// The group's name in the graph.
    pub group: String,
    /// Kind of the units: `head` or `neuron`.
    pub kind: String,
    /// Number of units before pruning.
    pub width: usize,
    /// Number of kept units.
    pub kept: usize,
}

/// Effect of one repair on the error, measured on held-out rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CompensationReport {
    /// The group whose projection was fitted again.
    pub group: String,
    /// Relative squared error of the projection's output before the repair.
    pub error_before: f64,
    /// Relative squared error of the projection's output after the repair.
    pub error_after: f64,
    /// Whether the repaired weights are used. They are used if they lower the held-out error.
    pub accepted: bool,
}

/// Similarity of the pruned model's outputs to those of the original.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fidelity {
    /// Number of compared rows.
    pub rows: usize,
    /// Fraction of rows with the same predicted class. `None` for regression.
    pub agreement: Option<f64>,
    /// Mean KL(original || pruned) in nats at temperature 1. For regression, the mean squared difference.
    pub divergence: f64,
    /// Mean cosine similarity between the last features of both models.
    pub feature_cosine: f64,
}

/// Quality on labeled rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluationReport {
    /// `accuracy`, or `spearman` for regression.
    pub metric: String,
    /// Number of measured rows, the same rows for both models.
    pub rows: usize,
    /// The metric of both models.
    pub score: BeforeAfter<f64>,
    /// Standard error of each score.
    pub standard_error: BeforeAfter<f64>,
    /// Half-width of the 95 % confidence interval of the paired difference `after - before`.
    pub difference_interval: f64,
    /// The metric of the pruned model without repair, which shows the effect of the selection alone.
    pub without_compensation: Option<f64>,
    /// The metric of a model that always predicts the majority class. `None` for regression.
    pub constant: Option<f64>,
    /// Number of rows that were left out because they have no label.
    #[serde(default)]
    pub unlabelled_rows: usize,
    /// A possible reason for a low score of the original, as a sentence, if its accuracy suggests that the labels are
    /// in another order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Forward time of one batch, measured for both models alternately.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Rows per batch.
    pub batch: usize,
    /// Tokens per row.
    pub length: usize,
    /// Number of timed pairs of forward passes.
    pub rounds: usize,
    /// Median time in milliseconds.
    pub median_ms: BeforeAfter<f64>,
    /// Median of the paired ratios `before / after`. Above 1, the pruned model is faster.
    pub speedup: f64,
}

/// Time and MACs of one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageTime {
    /// The stage.
    pub stage: super::stage::Stage,
    /// Wall-clock time in milliseconds.
    pub ms: u64,
    /// Multiply-accumulates of the executed matrix products.
    #[serde(default)]
    pub macs: u64,
}
