//! The constraint on the merging of positions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::prune::failure::{Code, Failure};

/// Merging of positions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PositionMerging {
    /// Whether the share is searched.
    Mode(MergingMode),
    /// The share is given.
    Kept(KeptPositions),
}

/// Whether positions are merged.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum MergingMode {
    /// Tries several schedules and uses the best one.
    Search,
    /// Merges nothing.
    Off,
}

/// The part of the positions to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptPositions {
    /// Percentage of the positions that the layers keep, on average over the layers.
    #[schemars(length(min = 2, max = 16), example = "70%")]
    pub keep: String,
}

impl PositionMerging {
    /// Returns the choice to merge nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::Mode(MergingMode::Off)
    }

    /// Parses `search`, `off` or a percentage.
    ///
    /// # Errors
    /// Returns [`Code::InvalidRecipe`] if the text is none of these.
    pub fn parse(written: &str) -> Result<Self, Failure> {
        let named = MergingMode::VARIANTS
            .iter()
            .find(|&&mode| written == <&str>::from(mode));
        let merging = match named {
            Some(&mode) => Self::Mode(mode),
            None => Self::Kept(KeptPositions {
                keep: written.to_owned(),
            }),
        };
        merging.kept().map(|_| merging)
    }

    /// Returns the given fraction of the positions to keep. `None` if it is searched.
    ///
    /// # Errors
    /// Returns [`Code::InvalidRecipe`] if it is not a percentage between 0 and 100.
    pub fn kept(&self) -> Result<Option<f64>, Failure> {
        let Self::Kept(KeptPositions { keep }) = self else {
            return Ok(None);
        };
        let number = keep
            .strip_suffix('%')
            .and_then(|number| number.parse::<f64>().ok());
        match number {
            Some(percent) if percent > 0.0 && percent < 100.0 => Ok(Some(percent / 100.0)),
            _ => Err(Failure::new(
                Code::InvalidRecipe,
                format!(
                    "constraints.tokens is \"{keep}\"; it must be search, off, or the percentage of the patches to keep, for example \"70%\""
                ),
            )),
        }
    }
}
