//! The request for a job, and the valid recipe that it becomes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};

use super::constraints::{ConstraintsBody, MOST_NAMES};
use super::duration;
use super::method::{DeviceBody, LabelReadingBody, MethodBody};
use super::mirror::mirror;
use crate::api::problem::{Problem, ProblemCode};
use crate::job::queue::PRIORITIES;
use crate::job::{NewJob, TenantId};
use crate::prune::failure::Failure;
use crate::prune::recipe::{Calibration, Evaluation, Mapping, Metric, Recipe, Source, Target};

/// Labels a job may carry, and how long a name or a value may be.
const MOST_LABELS: usize = 16;
const MOST_LABEL_CHARACTERS: usize = 64;

/// Most rows of an evaluation file that may be asked for.
const MOST_EVALUATION_ROWS: usize = 10_000_000;

/// Largest whole number that every reader of JSON keeps exact.
const MOST_EXACT: u64 = (1 << 53) - 1;

/// What to prune, and how.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateJob {
    pub(crate) model: ModelBody,
    pub(crate) calibration: CalibrationBody,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) evaluation: Option<EvaluationBody>,
    pub(crate) target: TargetBody,
    #[serde(default)]
    pub(crate) constraints: ConstraintsBody,
    #[serde(default)]
    pub(crate) method: MethodBody,
    /// Longest time from acceptance to result: `90s`, `30m`, `2h` or `1d`; at most five digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2h", pattern = "^[1-9][0-9]{0,4}[smhd]$")]
    pub(crate) deadline: Option<String>,
    /// On what the job runs.
    #[serde(default)]
    pub(crate) device: DeviceBody,
    /// The higher, the sooner.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100, default = 0)]
    pub(crate) priority: i64,
    /// Attempts before the job fails.
    #[serde(default = "three")]
    #[schema(minimum = 1, maximum = 10, default = 3)]
    pub(crate) max_attempts: i64,
    /// Your own marks, to filter by.
    #[serde(default)]
    #[schema(schema_with = labels_schema)]
    pub(crate) labels: BTreeMap<String, String>,
}

fn labels_schema() -> Object {
    let text = |least| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(least)
            .max_length(Some(MOST_LABEL_CHARACTERS))
            .build()
    };
    ObjectBuilder::new()
        .description(Some("Your own marks, to filter by"))
        .property_names(Some(Schema::Object(text(Some(1)))))
        .additional_properties(Some(Schema::Object(text(None))))
        .max_properties(Some(MOST_LABELS))
        .examples([serde_json::json!({"team": "search"})])
        .build()
}

fn three() -> i64 {
    3
}

/// The checkpoint to prune.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelBody {
    /// A Hugging Face folder: `file:///absolute/path` under a folder that the service may read, or
    /// `hf://org/name@revision`.
    #[schema(example = "file:///srv/models/bert")]
    pub(crate) uri: String,
}

/// Unlabelled examples that scoring and repair look at.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalibrationBody {
    /// A table: tsv, csv, jsonl, json or parquet, packed by gzip or zstd or not, or a folder of its shards.
    /// `file:///absolute/path`, `hf://datasets/org/name@revision/path`, `s3://bucket/path` or `upload://id`.
    #[schema(example = "file:///srv/data/train.tsv")]
    pub(crate) uri: String,
    #[serde(default)]
    pub(crate) mapping: MappingBody,
    /// Rows that are drawn.
    #[serde(default = "default_max_samples")]
    #[schema(minimum = 1, maximum = 100_000, default = 8192)]
    pub(crate) max_samples: usize,
    /// Drawing ends with the row that brings their tokens to so many.
    #[serde(default = "default_max_tokens")]
    #[schema(minimum = 1, maximum = 100_000_000, default = 131_072)]
    pub(crate) max_tokens: usize,
    /// Seeds the draws of rows and of token rows.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_u64, default = 0)]
    pub(crate) seed: u64,
}

fn default_max_samples() -> usize {
    Calibration::DEFAULT_MAX_SAMPLES
}

fn default_max_tokens() -> usize {
    Calibration::DEFAULT_MAX_TOKENS
}

/// Labelled examples that the result is measured on.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EvaluationBody {
    /// A table: tsv, csv, jsonl, json or parquet, packed by gzip or zstd or not, or a folder of its shards.
    /// `file:///absolute/path`, `hf://datasets/org/name@revision/path`, `s3://bucket/path` or `upload://id`.
    #[schema(example = "file:///srv/data/dev.tsv")]
    pub(crate) uri: String,
    #[serde(default)]
    pub(crate) mapping: MappingBody,
    /// Rows that are used, from the top; all when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub(crate) max_samples: Option<usize>,
}

/// Which columns are read; found by their usual names when not given, numbered from 0 in a file without a header.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MappingBody {
    /// The (first) text.
    pub(crate) text: Option<String>,
    /// The second text of a pair.
    pub(crate) text_pair: Option<String>,
    /// The label: a name of `id2label`, an index, or a number for regression.
    pub(crate) label: Option<String>,
    /// How the label column names classes; found from its values when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) labels: Option<LabelReadingBody>,
}

/// How much to KEEP.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetBody {
    #[serde(default)]
    pub(crate) metric: MetricBody,
    /// The share that is KEPT: `60%` leaves a model of 60 % of the FLOPs, of the
    /// parameters, or of the time.
    #[schema(
        example = "60%",
        pattern = "^(0\\.0{0,5}[1-9][0-9]{0,5}|[1-9][0-9]?(\\.[0-9]{1,6})?)%$"
    )]
    pub(crate) value: String,
    /// How far below `value` the result may end, as a share of it: 0.01% to 50%.
    #[serde(default = "one_percent")]
    #[schema(
        example = "1%",
        default = "1%",
        pattern = "^(0\\.(0[1-9]|[1-9])[0-9]{0,4}|[1-9](\\.[0-9]{1,6})?|[1-4][0-9](\\.[0-9]{1,6})?|50(\\.0{1,6})?)%$"
    )]
    pub(crate) tolerance: String,
}

fn one_percent() -> String {
    "1%".to_owned()
}

mirror!(
    /// What a target limits.
    #[derive(Default)]
    MetricBody of Metric {
        /// Floating-point operations of one forward at the calibration set's mean length.
        #[default]
        Flops,
        /// Weights, those of the embeddings among them.
        Params,
        /// Time of one forward of eight rows of the calibration set's mean length, as the worker measures it:
        /// two jobs may choose differently.
        LatencyMs,
    }
);

impl From<MappingBody> for Mapping {
    fn from(body: MappingBody) -> Self {
        Self {
            text: body.text,
            text_pair: body.text_pair,
            label: body.label,
            labels: body.labels.map(Into::into),
        }
    }
}

impl CreateJob {
    /// The job that this asks for.
    pub(crate) fn into_new_job(self, tenant: TenantId) -> Result<NewJob, Problem> {
        let at = |pointer: &'static str| {
            move |detail: String| {
                Problem::invalid_field(pointer, ProblemCode::ValidationFailed, detail)
            }
        };
        let deadline_ms = self
            .deadline
            .as_deref()
            .map(duration::parse_ms)
            .transpose()
            .map_err(at("/deadline"))?;
        if !(1..=10).contains(&self.max_attempts) {
            return Err(at("/max_attempts")(format!(
                "max_attempts is {}; it must lie between 1 and 10",
                self.max_attempts
            )));
        }
        check_labels(&self.labels).map_err(at("/labels"))?;
        let rows = self
            .evaluation
            .as_ref()
            .and_then(|evaluation| evaluation.max_samples);
        if let Some(rows) = rows.filter(|rows| !(1..=MOST_EVALUATION_ROWS).contains(rows)) {
            return Err(at("/evaluation/max_samples")(format!(
                "max_samples is {rows}; it must lie between 1 and {MOST_EVALUATION_ROWS}"
            )));
        }
        if self.calibration.seed > MOST_EXACT {
            return Err(at("/calibration/seed")(format!(
                "seed is {}; it must lie between 0 and {MOST_EXACT}",
                self.calibration.seed
            )));
        }
        let labels = self.labels.clone();
        if !PRIORITIES.contains(&self.priority) {
            return Err(at("/priority")(format!(
                "priority is {}; it must lie between {} and {}",
                self.priority,
                PRIORITIES.start(),
                PRIORITIES.end()
            )));
        }
        Ok(NewJob {
            tenant,
            device: self.device.into(),
            priority: self.priority,
            max_attempts: self.max_attempts,
            recipe: self.into_recipe()?,
            labels,
            deadline_ms,
            retry_of: None,
            trace: None,
        })
    }

    fn into_recipe(self) -> Result<Recipe, Problem> {
        let names = self.constraints.keep_whole.len();
        if names > MOST_NAMES {
            return Err(Problem::invalid_field(
                "/constraints/keep_whole",
                ProblemCode::InvalidRequest,
                format!("keep_whole has {names} names; at most {MOST_NAMES} are taken"),
            ));
        }
        let target = self.target.target()?;
        let recipe = Recipe {
            model: Source::new(self.model.uri),
            calibration: Calibration {
                source: Source::new(self.calibration.uri),
                mapping: self.calibration.mapping.into(),
                max_samples: self.calibration.max_samples,
                max_tokens: self.calibration.max_tokens,
                seed: self.calibration.seed,
            },
            evaluation: self.evaluation.map(|evaluation| Evaluation {
                source: Source::new(evaluation.uri),
                mapping: evaluation.mapping.into(),
                max_samples: evaluation.max_samples,
            }),
            target,
            constraints: self.constraints.into(),
            method: self.method.into(),
        };
        recipe.validated().map_err(|failure| {
            // The detail begins with the field's path, as `method.ridge is ..`.
            let field = failure.detail.split(' ').next().unwrap_or_default();
            let pointer = format!("/{}", field.replace('.', "/"));
            Problem::invalid_field(pointer, failure.code.into(), failure.detail)
        })
    }
}

impl TargetBody {
    /// The target, its numbers read.
    pub(crate) fn target(&self) -> Result<Target, Problem> {
        let at = |pointer: &'static str| {
            move |failure: Failure| {
                Problem::invalid_field(pointer, failure.code.into(), failure.detail)
            }
        };
        let target = Target {
            metric: self.metric.into(),
            keep: Target::parse_keep(&self.value).map_err(at("/target/value"))?,
            tolerance: Target::parse_keep(&self.tolerance).map_err(at("/target/tolerance"))?,
        };
        target.validated().map_err(at("/target/tolerance"))
    }
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), String> {
    if labels.len() > MOST_LABELS {
        return Err(format!(
            "{} labels; at most {MOST_LABELS} are taken",
            labels.len()
        ));
    }
    match labels.iter().find(|(name, value)| {
        let long = |text: &str| text.chars().count() > MOST_LABEL_CHARACTERS;
        name.is_empty() || long(name) || long(value)
    }) {
        Some((name, _)) => Err(format!(
            "label \"{name}\": a name has 1 to {MOST_LABEL_CHARACTERS} characters, a value at most {MOST_LABEL_CHARACTERS}"
        )),
        None => Ok(()),
    }
}
