//! A validated pruning recipe.
//!
//! Input: the fields of a request or a command line, as text and numbers. Output: a [`Recipe`], which
//! later stages do not check again. This module defines ranges and defaults. It does not resolve URIs
//! and does not depend on the caller.

mod method;
mod range;
mod target;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
pub use super::search::constraints::Constraints;
pub use crate::data::format as data_format;
pub use crate::data::label::LabelReading;
pub use crate::data::mapping::Mapping;
pub use method::{Compensation, Estimator, Importance, Method, TokenWeights, Trajectory};
use range::check;
pub use target::{Metric, Target};

/// Everything that determines the result of a job. Equal recipes over equal bytes give equal results on
/// the same kind of machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recipe {
    /// The checkpoint to prune.
    pub model: Source,
    /// Unlabeled examples, read by scoring and repair.
    pub calibration: Calibration,
    /// Labeled examples, read only by verification.
    pub evaluation: Option<Evaluation>,
    /// Fraction of the cost to keep.
    pub target: Target,
    /// Limits on the selection besides the target.
    #[serde(default)]
    pub constraints: Constraints,
    /// Settings of scoring, selection and repair.
    pub method: Method,
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
    /// A URI such as `file:///absolute/path`. The program that runs the recipe resolves it.
    pub uri: String,
    /// Version of the content, if the URI alone does not identify it. It is determined when the recipe is accepted.
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

/// The examples that scoring and repair read. Their labels are never read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// A data file, or a folder of shards.
    #[serde(flatten)]
    pub source: Source,
    /// Which columns to read.
    pub mapping: Mapping,
    /// Maximum number of rows to sample (1 to 100,000).
    pub max_samples: usize,
    /// Sampling stops after the row with which the number of tokens reaches this value (1 to 100,000,000).
    #[serde(default = "Calibration::default_max_tokens")]
    pub max_tokens: usize,
    /// Seed for the samples of rows and of token rows.
    pub seed: u64,
}

impl Calibration {
    /// Default of `max_samples`. Short texts need many rows.
    pub const DEFAULT_MAX_SAMPLES: usize = 8_192;

    /// Default of `max_tokens`. For each output, the repair fits as many unknowns as a layer has neurons. It
    /// needs many times as many tokens as unknowns.
    pub const DEFAULT_MAX_TOKENS: usize = 1 << 17;

    fn default_max_tokens() -> usize {
        Self::DEFAULT_MAX_TOKENS
    }
}

/// The labeled examples on which verification measures the model before and after pruning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// A data file, or a folder of shards.
    #[serde(flatten)]
    pub source: Source,
    /// Which columns to read.
    pub mapping: Mapping,
    /// Maximum number of rows to use, from the top of the file. `None` uses all rows.
    pub max_samples: Option<usize>,
}

impl Recipe {
    /// Checks all ranges. Later stages do not check them again.
    ///
    /// # Errors
    /// Returns [`Code::InvalidRecipe`] or [`Code::InvalidTarget`] with the field and its range.
    pub fn validated(self) -> Result<Self, Failure> {
        check(
            "calibration.max_samples",
            self.calibration.max_samples as f64,
            1.0,
            100_000.0,
        )?;
        check(
            "calibration.max_tokens",
            self.calibration.max_tokens as f64,
            1.0,
            1e8,
        )?;
        self.method.check()?;
        let Constraints {
            round_to, min_kept, ..
        } = self.constraints;
        check("constraints.round_to", round_to as f64, 1.0, 4_096.0)?;
        check("constraints.min_kept", min_kept as f64, 0.0, 1e6)?;
        self.target.validated()?;
        Ok(self)
    }
}
