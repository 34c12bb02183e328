//! The request that creates a job, and its conversion to a validated recipe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};

use super::duration;
use crate::api::document::derived;
use crate::api::problem::{Problem, ProblemCode};
use crate::job::queue::PRIORITIES;
use crate::job::{Device, NewJob, TenantId};
use crate::prune::failure::Failure;
use crate::prune::recipe::{
    Calibration, Constraints, Evaluation, Mapping, Method, Metric, Output, Recipe, Reporting,
    Source, Target,
};

/// Maximum number of labels of a job.
const MAX_LABELS: usize = 16;

/// Maximum length of a label's name or value, in characters.
const MAX_LABEL_CHARACTERS: usize = 64;

/// Maximum of `evaluation.max_samples`.
const MAX_EVALUATION_ROWS: usize = 10_000_000;

/// Largest integer that a 64-bit float represents exactly. JSON parsers may read numbers as floats.
const MAX_EXACT_INTEGER: u64 = (1 << 53) - 1;

/// A pruning job to create. `model`, `calibration` and `target` are required.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct CreateJob {
    /// The model to prune.
    pub(crate) model: ModelBody,
    /// The unlabeled rows for scoring and repair.
    pub(crate) calibration: CalibrationBody,
    /// The labeled rows on which the original and the pruned model are evaluated. By default the report has no
    /// evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) evaluation: Option<EvaluationBody>,
    /// The size of the pruned model.
    pub(crate) target: TargetBody,
    /// Constraints on the units that each group keeps.
    #[serde(default)]
    pub(crate) constraints: Constraints,
    /// How units are scored and how the pruned model is repaired. Each omitted property has its default.
    #[serde(default)]
    pub(crate) method: Method,
    /// The formats in which the result has the model. Every result has `safetensors`, also if it is not listed. Default: `safetensors` and `onnx`.
    #[serde(default = "Output::usual")]
    #[schema(max_items = 16)]
    pub(crate) outputs: Vec<Output>,
    /// What the report contains beside the figures.
    #[serde(default)]
    pub(crate) report: Reporting,
    /// Maximum time from creation to result: a number of at most five digits and a unit (`s`, `m`, `h` or `d`). After
    /// it, the job gets the state `expired`. By default there is no deadline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2h", pattern = "^[1-9][0-9]{0,4}[smhd]$")]
    pub(crate) deadline: Option<String>,
    /// Device that the job runs on. `getCapabilities` lists the available devices. Default: `cpu`.
    #[serde(default)]
    pub(crate) device: Device,
    /// Priority among the jobs of the tenant, from -100 to 100. Jobs with a higher priority start first. Tenants take turns,
    /// whatever their priorities.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100, default = 0)]
    pub(crate) priority: i64,
    /// Maximum number of attempts, from 1 to 10. An attempt that ends with a `retryable` error or with the loss of its
    /// worker is followed by another one, up to this number. Waiting for an unavailable source or artifact store does not
    /// count as an attempt.
    #[serde(default = "three")]
    #[schema(minimum = 1, maximum = 10, default = 3)]
    pub(crate) max_attempts: i64,
    /// Labels of the job.
    #[serde(default)]
    #[schema(schema_with = labels_schema)]
    pub(crate) labels: BTreeMap<String, String>,
}

fn labels_schema() -> Object {
    let text = |min| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(min)
            .max_length(Some(MAX_LABEL_CHARACTERS))
            .build()
    };
    ObjectBuilder::new()
        .description(Some(format!(
            "Labels of the job, which `listJobs` can filter by. At most {MAX_LABELS}. A name has 1 to \
             {MAX_LABEL_CHARACTERS} characters, a value at most {MAX_LABEL_CHARACTERS}."
        )))
        .property_names(Some(Schema::Object(text(Some(1)))))
        .additional_properties(Some(Schema::Object(text(None))))
        .max_properties(Some(MAX_LABELS))
        .examples([serde_json::json!({"team": "search"})])
        .build()
}

fn three() -> i64 {
    3
}

/// The model to prune.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = ModelSource)]
pub(crate) struct ModelBody {
    /// URI of a model folder in the format of Hugging Face, with weights in safetensors:
    ///
    /// - `file:///absolute/path`: A folder on the machine of the worker, within a folder that the service allows.
    /// - `hf://org/name@revision`: A model on the Hugging Face Hub. The default revision is `main`.
    /// - `s3://bucket/path`: A folder in a bucket that the service allows.
    /// - `upload://id`: A completed upload of a `.tar` archive.
    #[schema(example = "file:///srv/models/bert")]
    pub(crate) uri: String,
}

/// The unlabeled rows for scoring and repair. Labels in the dataset are not read.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Calibration)]
pub(crate) struct CalibrationBody {
    /// URI of a data file in one of the formats of `getCapabilities`, such as TSV, CSV, JSON lines or Parquet:
    ///
    /// - `file:///absolute/path`: A file, a folder of shards, or a folder of images, within a folder that the service allows.
    /// - `hf://datasets/org/name@revision/path`: A file of a dataset on the Hugging Face Hub. The path can be a
    ///   pattern, such as `data/train-*.parquet`. The default revision is `main`.
    /// - `s3://bucket/path`: A file in a bucket that the service allows.
    /// - `upload://id`: A completed upload of a data file.
    ///
    /// A model that reads images needs JPEG, PNG, WebP or BMP images from one of these sources:
    ///
    /// - A folder, or an archive in `.zip`, `.tar`, `.tar.gz` or `.tar.zst`, with a folder of images for each class, such
    ///   as `pets/cat/1.png`. Instead of class folders, a table such as `metadata.csv` or `metadata.jsonl` in it can list
    ///   the paths of the images and their labels.
    /// - Parquet with a column of images: bytes, or objects with the bytes and a path, as the hub stores them.
    /// - NumPy arrays of uint8 with the shape (images, height, width) or (images, height, width, channels): `.npz` with
    ///   the images in `x` and the labels in `y`, or `.npy` without labels.
    /// - The two files of MNIST, `*-images-idx3-ubyte` and `*-labels-idx1-ubyte`, in one folder.
    #[schema(example = "file:///srv/data/train.tsv")]
    pub(crate) uri: String,
    /// Columns of the dataset. By default, columns are detected by their names.
    #[serde(default)]
    pub(crate) mapping: Mapping,
    #[serde(default = "Calibration::default_max_samples")]
    #[schema(schema_with = max_samples)]
    pub(crate) max_samples: usize,
    #[serde(default = "Calibration::default_max_positions")]
    #[schema(schema_with = max_positions)]
    pub(crate) max_positions: usize,
    /// Seed of the random samples of rows and positions.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_u64, default = 0)]
    pub(crate) seed: u64,
}

fn max_samples() -> RefOr<Schema> {
    derived::field::<Calibration>("max_samples")
}

fn max_positions() -> RefOr<Schema> {
    derived::field::<Calibration>("max_positions")
}

/// The labeled rows on which the original and the pruned model are evaluated.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Evaluation)]
pub(crate) struct EvaluationBody {
    /// URI of a data file, with the same forms as `calibration.uri`.
    ///
    /// Semantic segmentation needs a label map for each image: a PNG of the size of the image, whose pixels are class ids.
    /// They are the indices of a palette, or gray samples of 8 or 16 bits. A folder or an archive has the images in the
    /// folder `images` (or `image`, `img`) and the label maps in the folder `labels` (or `label`, `annotations`,
    /// `annotation`, `masks`, `mask`), each under the name of its image, such as `images/1.jpg` and `labels/1.png`. Parquet
    /// has the label maps in a second column.
    #[schema(example = "file:///srv/data/dev.tsv")]
    pub(crate) uri: String,
    /// Columns of the dataset. By default, columns are detected by their names.
    #[serde(default)]
    pub(crate) mapping: Mapping,
    /// Maximum number of rows to use, from the start of the file. By default all rows are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub(crate) max_samples: Option<usize>,
}

/// The size of the pruned model.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Target)]
pub(crate) struct TargetBody {
    /// The quantity that `value` limits. Default: `flops`.
    #[serde(default)]
    pub(crate) metric: Metric,
    /// Percentage to keep: with `60%`, the pruned model has at most 60 % of the original FLOPs, parameters or latency.
    #[schema(
        example = "60%",
        pattern = "^(0\\.0{0,5}[1-9][0-9]{0,5}|[1-9][0-9]?(\\.[0-9]{1,6})?)%$"
    )]
    pub(crate) value: String,
    /// How far the result may be below `value`, as a percentage of `value` from `0.01%` to `50%`. The job fails with
    /// `target_unreachable` if no selection of units is that close.
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

impl CreateJob {
    /// Validates the request.
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
                "max_attempts is {}; it must be between 1 and 10",
                self.max_attempts
            )));
        }
        check_labels(&self.labels).map_err(at("/labels"))?;
        let rows = self
            .evaluation
            .as_ref()
            .and_then(|evaluation| evaluation.max_samples);
        if let Some(rows) = rows.filter(|rows| !(1..=MAX_EVALUATION_ROWS).contains(rows)) {
            return Err(at("/evaluation/max_samples")(format!(
                "max_samples is {rows}; it must be between 1 and {MAX_EVALUATION_ROWS}"
            )));
        }
        if self.calibration.seed > MAX_EXACT_INTEGER {
            return Err(at("/calibration/seed")(format!(
                "seed is {}; it must be between 0 and {MAX_EXACT_INTEGER}",
                self.calibration.seed
            )));
        }
        let labels = self.labels.clone();
        if !PRIORITIES.contains(&self.priority) {
            return Err(at("/priority")(format!(
                "priority is {}; it must be between {} and {}",
                self.priority,
                PRIORITIES.start(),
                PRIORITIES.end()
            )));
        }
        Ok(NewJob {
            tenant,
            device: self.device,
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
        let target = self.target.target()?;
        let recipe = Recipe {
            model: Source::new(self.model.uri),
            calibration: Calibration {
                source: Source::new(self.calibration.uri),
                mapping: self.calibration.mapping,
                max_samples: self.calibration.max_samples,
                max_positions: self.calibration.max_positions,
                seed: self.calibration.seed,
            },
            evaluation: self.evaluation.map(|evaluation| Evaluation {
                source: Source::new(evaluation.uri),
                mapping: evaluation.mapping,
                max_samples: evaluation.max_samples,
            }),
            target,
            constraints: self.constraints,
            method: self.method,
            outputs: self.outputs,
            report: self.report,
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
    /// Parses and validates the target.
    pub(crate) fn target(&self) -> Result<Target, Problem> {
        let at = |pointer: &'static str| {
            move |failure: Failure| {
                Problem::invalid_field(pointer, failure.code.into(), failure.detail)
            }
        };
        let target = Target {
            metric: self.metric,
            keep: Target::parse_keep(&self.value).map_err(at("/target/value"))?,
            tolerance: Target::parse_keep(&self.tolerance).map_err(at("/target/tolerance"))?,
        };
        target.validated().map_err(at("/target/tolerance"))
    }
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), String> {
    if labels.len() > MAX_LABELS {
        return Err(format!(
            "the job has {} labels; the maximum is {MAX_LABELS}",
            labels.len()
        ));
    }
    match labels.iter().find(|(name, value)| {
        let long = |text: &str| text.chars().count() > MAX_LABEL_CHARACTERS;
        name.is_empty() || long(name) || long(value)
    }) {
        Some((name, _)) => Err(format!(
            "label \"{name}\" is invalid; a name must have 1 to {MAX_LABEL_CHARACTERS} characters and a value at most {MAX_LABEL_CHARACTERS}"
        )),
        None => Ok(()),
    }
}
