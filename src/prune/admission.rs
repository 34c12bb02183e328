//! Checks that a file or folder can be opened, and shows what a dataset holds, before a job names it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::checkpoint::config::Config;
use crate::checkpoint::limits::Limits;
use crate::checkpoint::weights::Weights;
use crate::data;
pub use crate::data::inspection::Inspection;
use crate::data::mapping::Mapping;

/// Kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The folder of a model.
    Model,
    /// A data file.
    Data,
}

/// Opens a source: the configuration and the weights of a model, or a data file.
///
/// # Errors
/// Returns what is wrong with the source.
pub fn open(path: &Path, kind: Kind) -> Result<(), Failure> {
    match kind {
        Kind::Model => {
            let limits = Limits::default();
            Config::open(path, &limits)?;
            Weights::open(path, &limits)?;
        }
        Kind::Data => data::check(path, &data::limits::Limits::default())?,
    }
    Ok(())
}

/// Reads the columns and the first rows of a dataset.
///
/// # Errors
/// Returns what is wrong with the dataset.
pub fn inspect(path: &Path, mapping: &Mapping) -> Result<Inspection, Failure> {
    let limits = data::limits::Limits::default();
    Ok(data::inspection::inspect(path, mapping, &limits)?)
}
