//! A validated pruning recipe.
//!
//! Input: the fields of a request or a command line, as text and numbers. Output: a [`Recipe`], which
//! later stages do not check again. This module defines ranges and defaults. It does not resolve URIs
//! and does not depend on the caller.

mod method;
mod outputs;
mod range;
mod reporting;
mod target;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
pub use super::search::constraints::Constraints;
pub use crate::data::format as data_format;
pub use crate::data::label::LabelReading;
pub use crate::data::mapping::Mapping;
pub use method::{
    AnswerTerm, Compensation, Estimator, FeatureTerm, Importance, Method, PositionWeights,
    Trajectory, Units,
};
pub use outputs::Output;
pub use range::bounds;
use range::check;
pub use reporting::Reporting;
pub use target::{Metric, Target};

/// The request of a job, validated. Except for `latency_ms` targets, the same recipe and the same input files give the
/// same result on the same kind of machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recipe {
    /// The model to prune.
    pub model: Source,
    /// The unlabeled rows for scoring and repair.
    pub calibration: Calibration,
    /// The labeled rows for the evaluation. Null if there are none.
    pub evaluation: Option<Evaluation>,
    /// The size of the pruned model.
    pub target: Target,
    /// Constraints on the units that each group keeps.
    #[serde(default)]
    pub constraints: Constraints,
    /// How units are scored and how the pruned model is repaired.
    pub method: Method,
    /// The formats in which the result has the model.
    #[serde(default = "Output::usual")]
    pub outputs: Vec<Output>,
    /// What the report contains beside the figures.
    #[serde(default)]
    pub report: Reporting,
}

impl Recipe {
    /// Returns every source of the recipe: the model, then the data.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let evaluation = self.evaluation.iter();
        [&self.model, &self.calibration.source]
            .into_iter()
            .chain(evaluation.map(|evaluation| &evaluation.source))
    }
}

/// Location of a folder or file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// URI from the request. The revision of a `hf://` URI is the commit that it was resolved to.
    pub uri: String,
    /// Version of the content when the job was created. Absent if the URI identifies the content or has no versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Source {
    /// Creates a source without a version: the content at this URI when it is read.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            version: None,
        }
    }
}

/// The unlabeled rows for scoring and repair. Labels in the dataset are not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// A data file, a folder of shards, or a folder of images.
    #[serde(flatten)]
    pub source: Source,
    /// Columns of the dataset.
    pub mapping: Mapping,
    /// Maximum number of rows to sample.
    #[serde(default = "Calibration::default_max_samples")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_samples: usize,
    /// Sampling stops when the sampled rows have this number of positions, which are the tokens of a text or the
    /// patches of an image.
    #[serde(default = "Calibration::default_max_positions", alias = "max_tokens")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_positions: usize,
    /// Seed of the random samples of rows and positions.
    pub seed: u64,
}

impl Calibration {
    /// Returns the default of `max_samples`. Short rows need many.
    #[must_use]
    pub fn default_max_samples() -> usize {
        8_192
    }

    /// Returns the default of `max_positions`. For each output, the repair fits as many unknowns as a layer has neurons.
    /// It needs many times as many positions as unknowns.
    #[must_use]
    pub fn default_max_positions() -> usize {
        1 << 17
    }
}

/// The labeled rows on which the original and the pruned model are evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// A data file, a folder of shards, or a folder of images.
    #[serde(flatten)]
    pub source: Source,
    /// Columns of the dataset.
    pub mapping: Mapping,
    /// Maximum number of rows to use, from the start of the file. Null means all rows.
    pub max_samples: Option<usize>,
}

impl Recipe {
    /// Checks all ranges and lengths. Later stages do not check them again.
    ///
    /// # Errors
    /// Returns [`InvalidRecipe`](super::failure::Code::InvalidRecipe) or
    /// [`InvalidTarget`](super::failure::Code::InvalidTarget), with the field and its range.
    pub fn validated(self) -> Result<Self, Failure> {
        check("calibration", &self.calibration)?;
        check("method", &self.method)?;
        check("constraints", &self.constraints)?;
        check("report", &self.report)?;
        self.target.validated()?;
        Output::check(&self.outputs)?;
        Ok(self)
    }
}
