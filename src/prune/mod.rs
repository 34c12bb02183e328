//! The method on one page.

pub mod failure;
pub mod journal;
pub mod plan;
pub mod recipe;
pub mod report;
pub mod stage;
pub mod watch;

use std::path::PathBuf;

use failure::Failure;
use journal::Journal;
use plan::Plan;
use recipe::Recipe;
use report::Report;
use watch::Watch;

/// Where a run reads and writes: the recipe's sources, resolved to local paths.
#[derive(Clone, Debug)]
pub struct Places {
    /// A Hugging Face folder.
    pub model: PathBuf,
    /// The calibration file.
    pub calibration: PathBuf,
    /// The evaluation file, where the recipe names one.
    pub evaluation: Option<PathBuf>,
    /// The folder to write the cut checkpoint and its documents to; made where it is missing.
    pub out: PathBuf,
}

/// Prunes: from sources to a verified folder.
///
/// # Errors
/// A [`Failure`] placed in the stage where it happened.
pub fn run(
    places: &Places,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Report, Failure> {
    let _ = (places, recipe, journal, watch);
    Err(Failure::new(failure::Code::Internal, "being written"))
}

/// Plans and stops there.
///
/// # Errors
/// A [`Failure`] placed in the stage where it happened.
pub fn estimate(places: &Places, recipe: &Recipe) -> Result<Plan, Failure> {
    let _ = (places, recipe);
    Err(Failure::new(failure::Code::Internal, "being written"))
}
