//! The report of a completed job (`report.json`): the recipe, what was done, its cost and the results.
//!
//! Every figure is measured on the model that is delivered: accuracy, fidelity and latency are those of
//! the pruned checkpoint after it was written and read back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::inputs::Input;
use super::recipe::{Estimator, Recipe};
use super::reproducibility::Reproducibility;
use crate::model::device::{Device, kind};

/// The report of a job: the request, what was done, and the measured results. Also the artifact `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of `optin` that wrote the report.
    pub optin_version: String,
    /// The request of the job, with defaults filled in and with the versions of its sources.
    pub recipe: Recipe,
    /// Files that the job read.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// What decides the bytes of the pruned model. Null for `latency_ms` targets, because latencies are measured, and in reports of
    /// older releases.
    #[serde(default)]
    pub reproducibility: Option<Reproducibility>,
    /// Architecture of the model, for example `bert`.
    pub architecture: String,
    /// Name of the model's task, one of `tasks` in `getCapabilities`. Empty in reports of older releases.
    #[serde(default)]
    pub task: String,
    /// What the positions of a row are: `tokens` or `patches`.
    #[serde(default = "Report::default_position_name")]
    pub position_name: String,
    /// Device on which the model was pruned and measured: `cpu` or `cuda`.
    #[serde(default = "Report::default_device")]
    pub device: String,
    /// Estimator that was used. It is `exact` if the architecture does not support `sketch`.
    pub estimator: Estimator,
    /// Result of the score audit. Null if `method.audit` is false or all scores are exact.
    #[serde(default)]
    pub audit: Option<AuditReport>,
    /// The part of the calibration dataset that the job used.
    pub calibration: CalibrationUse,
    /// Size of the original and of the pruned model.
    pub size: BeforeAfter<Size>,
    /// Fraction of the FLOPs that the pruned model has (0 to 1): `size.after.macs / size.before.macs`.
    pub kept: f64,
    /// MACs of each part of the model: of the blocks with the groups whose names have the same first word. Empty if all groups
    /// belong to one part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReport>,
    /// Number of kept units of each group, in the order of the model.
    pub groups: Vec<GroupReport>,
    /// Number of pairs of patches that each layer merges. Empty if no layer merges any.
    #[serde(
        default,
        rename = "merged_tokens",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub merged_positions: Vec<usize>,
    /// Error of each repaired projection. Empty if `method.compensation` is `none`.
    pub compensation: Vec<CompensationReport>,
    /// Largest difference between an answer of the pruned model and that of the original model with the removed units set
    /// to zero and the same repairs. It is divided by the largest answer, and contains only rounding errors.
    pub consistency: f64,
    /// Similarity of the outputs of both models on the evaluation rows, or on calibration rows if there are no
    /// evaluation rows.
    pub fidelity: Fidelity,
    /// Damage along the trajectory, on some of the rows of `fidelity`. Null if the features of the models cannot be compared, and
    /// in reports of older releases.
    #[serde(default)]
    pub trajectory: Option<TrajectoryReport>,
    /// The rows of `fidelity` whose answers changed most, the most telling one first: rows whose answer became wrong, then rows
    /// with another prediction, then others, each by their divergence. At most `recipe.report.rows`. Rows whose answers read the
    /// same are left out.
    #[serde(default)]
    pub changed_rows: Vec<ChangedRow>,
    /// Scores of both models on the evaluation rows. Null without an evaluation dataset.
    pub evaluation: Option<EvaluationReport>,
    /// Time of a forward pass of both models, measured alternately on the machine of the worker.
    pub latency: Latency,
    /// The same for a batch of one row. Null in reports of older releases.
    #[serde(default)]
    pub latency_single: Option<Latency>,
    /// Estimated peak memory of weights and activations in bytes. It is not measured.
    #[serde(default)]
    pub peak_bytes: u64,
    /// Time and MACs of each stage in the last attempt. Results from the stage cache add only the time to read them.
    #[serde(alias = "stage_ms")]
    pub stages: Vec<StageTime>,
    /// Sentences about how the sources were read, and about files or settings that the result does not contain.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Report {
    /// Returns the measured times of forward passes, the smallest batch first.
    pub(crate) fn latencies(&self) -> impl Iterator<Item = &Latency> {
        self.latency_single.iter().chain([&self.latency])
    }

    /// Returns the name in reports of older releases.
    fn default_position_name() -> String {
        "tokens".to_owned()
    }

    /// Returns the device for reports without the field.
    fn default_device() -> String {
        kind(&Device::Cpu).to_owned()
    }
}

/// A quantity of the original and of the pruned model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "before_after_{T}")]
pub struct BeforeAfter<T> {
    /// Value of the original model.
    pub before: T,
    /// Value of the pruned model.
    pub after: T,
}

/// Size of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    /// MACs per row, on average over the calibration rows (1 MAC = 2 FLOPs).
    pub macs: u64,
    /// Number of parameters.
    pub parameters: u64,
    /// Size of the weights in bytes.
    pub bytes: u64,
}

/// The part of the calibration dataset that a job uses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationUse {
    /// Number of sampled rows.
    pub rows: usize,
    /// Number of these rows that scoring uses.
    pub scoring_rows: usize,
    /// Number of positions in the sampled rows: tokens without padding, or patches of images.
    #[serde(alias = "tokens")]
    pub positions: usize,
    /// Mean number of positions per row. Costs are means over the rows, because attention is quadratic in the length.
    pub mean_length: f64,
    /// Maximum number of positions in the Gram matrix of a row.
    #[serde(alias = "gram_tokens")]
    pub gram_positions: usize,
}

/// MACs of one part of the model, before and after pruning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Part")]
pub struct PartReport {
    /// First word of the names of its groups, for example `encoder`. `other` for blocks without groups, the layers before the
    /// first block, and the head.
    pub part: String,
    /// MACs per row, on average over the calibration rows.
    pub macs: BeforeAfter<u64>,
}

/// Number of units of one group, before and after pruning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Group")]
pub struct GroupReport {
    /// Name of the group, for example `encoder.layer.0.heads`.
    pub group: String,
    /// Kind of the units: `value` or `query` (dimensions inside attention heads), `head` or `neuron`.
    pub kind: String,
    /// Number of units of the original model.
    pub width: usize,
    /// Number of units of the pruned model.
    pub kept: usize,
    /// Number of attention heads that hold the units, before and after pruning. All of them hold equally many. Null for
    /// other units.
    #[serde(default)]
    pub heads: Option<BeforeAfter<usize>>,
}

/// Error of the output of one projection before and after the repair, on rows that the repair was not fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Repair")]
pub struct CompensationReport {
    /// Name of the group whose projection was repaired.
    pub group: String,
    /// Relative squared error of the output of the projection before the repair.
    pub error_before: f64,
    /// Relative squared error of the output of the projection after the repair.
    pub error_after: f64,
    /// Whether the pruned model has the repaired weights. It has them only if they lower the error.
    pub accepted: bool,
}

/// Similarity of the outputs of the original and the pruned model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fidelity {
    /// Number of compared rows.
    pub rows: usize,
    /// Fraction of equal predictions of both models, averaged over the rows (0 to 1). Null for regression.
    pub agreement: Option<f64>,
    /// Mean Kullback-Leibler divergence from the original to the pruned model, in nats at temperature 1. For
    /// regression, the mean squared difference of the predictions.
    pub divergence: f64,
    /// Mean cosine similarity between the last features of both models, per position.
    pub feature_cosine: f64,
}

/// How much the features of the pruned model differ from those of the original, block by block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Damage")]
pub struct TrajectoryReport {
    /// Number of compared rows.
    pub rows: usize,
    /// The blocks whose output is a feature, in the order of the model.
    pub blocks: Vec<BlockDamage>,
}

/// How much the features after one block differ from those of the original.
///
/// If the pruned model has fewer channels there, the remaining ones are compared. If positions were merged, each one is compared
/// with the mean of those that it stands for. If the numbers of positions differ otherwise, means over the positions are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockDamage {
    /// Name of the block: the names of its groups, or of its weight if it has none.
    pub block: String,
    /// Relative squared error of the features: the sum of the squared differences, divided by that of the squared features of the
    /// original.
    pub error: f64,
    /// The same for the pruned model without repair. Null if nothing was repaired, or if the pruned model merges positions and the
    /// model without repair does not.
    pub error_without_repair: Option<f64>,
}

/// A row of the data whose answer changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedRow {
    /// Number of the row in the data, counted from 1, without a header.
    pub row: usize,
    /// The first 300 characters of each of its texts, or the name of the file of its image. Null if the data has neither.
    pub input: Option<Vec<String>>,
    /// The answer of the original model in words, for example `positive (93.10 %)`.
    pub before: String,
    /// The answer of the pruned model in words.
    pub after: String,
    /// The true answer in words. Null if it is not known.
    pub truth: Option<String>,
    /// Divergence of the answer, as in `fidelity.divergence`.
    pub divergence: f64,
}

/// Scores of the original and the pruned model on the evaluation rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EvaluationResult")]
pub struct EvaluationReport {
    /// The main metric of the task, for example `accuracy` for classification.
    #[serde(flatten)]
    pub main: MetricReport,
    /// Number of evaluated rows, which are the same for both models. A pair of texts that are embedded, or a question with a long
    /// text, is one row.
    pub rows: usize,
    /// Further metrics of the task. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<MetricReport>,
    /// Number of rows that were skipped because they have no label.
    #[serde(default, alias = "unlabelled_rows")]
    pub unlabeled_rows: usize,
    /// Possible reason for a low score of the original model, as a sentence: its accuracy suggests that the labels are
    /// in another order. Absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl EvaluationReport {
    /// Returns all metrics, the main one first.
    pub fn metrics(&self) -> impl Iterator<Item = &MetricReport> {
        std::iter::once(&self.main).chain(&self.others)
    }
}

/// Scores of both models in one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MetricResult")]
pub struct MetricReport {
    /// Name of the metric, for example `accuracy` or `spearman`. A higher score is better.
    pub metric: String,
    /// Scores of both models.
    pub score: BeforeAfter<f64>,
    /// Standard error of each score.
    pub standard_error: BeforeAfter<f64>,
    /// Half-width of the 95 % confidence interval of the paired difference of the scores, `after - before`.
    pub difference_interval: f64,
    /// Score of the pruned model without repair. Null if nothing was repaired, or if the pruned model merges positions and the
    /// model without repair does not.
    pub without_compensation: Option<f64>,
    /// Score of a model that always gives the most frequent answer. Null if the task has no such answer.
    pub constant: Option<f64>,
}

/// Time of a forward pass of one batch, measured alternately for both models.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Number of rows of the batch.
    pub batch: usize,
    /// Number of positions per row.
    pub length: usize,
    /// Number of timed pairs of forward passes.
    pub rounds: usize,
    /// Median time of a forward pass in milliseconds.
    pub median_ms: BeforeAfter<f64>,
    /// Median of the ratios `before / after` of the pairs. Above 1, the pruned model is faster.
    pub speedup: f64,
}

/// Result of a score audit: a comparison of sketched scores with exact scores on a sample of the units.
// The limits of the metrics are constants in `gates`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ScoreAudit")]
pub struct AuditReport {
    /// Number of units that were scored exactly for the audit.
    pub units: usize,
    /// Number of these units whose score is close to the limit between kept and removed units.
    pub boundary: usize,
    /// Spearman's rank correlation of the importances. 1 is best.
    pub spearman: f64,
    /// Spearman's rank correlation of the feature terms and of the answer term, in this order.
    pub spearman_of_terms: [f64; 2],
    /// Fraction of the selected units that exact scores also select (0 to 1).
    pub overlap: f64,
    /// Median of the sketched importance divided by the exact importance. 1 is best.
    pub median_ratio: f64,
    /// Fraction of the exact importance that the selection loses (0 to 1). 0 is best.
    pub regret: f64,
    /// Whether `spearman`, `overlap`, `median_ratio` and `regret` are within their limits.
    pub passed: bool,
    /// Results of each group with sketched scores.
    pub groups: Vec<GroupAudit>,
}

/// Result of a score audit for one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupAudit {
    /// Name of the group, for example `encoder.layer.0.neurons`.
    pub group: String,
    /// Number of units that were scored exactly for the audit.
    pub units: usize,
    /// Spearman's rank correlation of the importances. 1 is best.
    pub spearman: f64,
    /// Median of the sketched importance divided by the exact importance. 1 is best.
    pub median_ratio: f64,
}

/// Time and MACs of one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageTime {
    /// The stage.
    pub stage: super::stage::Stage,
    /// Wall-clock time in milliseconds.
    pub ms: u64,
    /// MACs of the executed matrix products.
    #[serde(default)]
    pub macs: u64,
}
