//! The method on one page.
//!
//! [`run`] is the route: prepare, plan, score, search, compensate, cut, verify. Each stage is one
//! folder or file; each hands the next one value.

pub mod compensate;
pub mod digest;
pub mod failure;
pub mod journal;
pub mod lanes;
pub mod outcome;
pub mod plan;
pub mod prepare;
pub mod recipe;
pub mod report;
pub mod score;
pub mod search;
pub mod sources;
pub mod stage;
pub mod stopwatch;
pub mod student;
pub mod surgery;
pub mod verify;
pub mod watch;

use std::path::PathBuf;

use failure::Failure;
use journal::Journal;
use plan::Plan;
use prepare::Prepared;
use recipe::{Compensation, Recipe};
use report::Report;
use stage::Stage;
use stopwatch::Stopwatch;
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
    /// The folder to write the cut checkpoint and its documents to; made where it is missing, and
    /// there only when it is whole.
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
    let mut clock = Stopwatch::new(watch);
    let prepared = clock.time(Stage::Preparing, || Prepared::read(places, recipe))?;
    let plan = clock.time(Stage::Planning, || plan::draw_up(&prepared, recipe))?;
    let scores = clock.time(Stage::Scoring, || {
        score::score(&prepared, recipe, journal, watch)
    })?;
    let masks = clock.time(Stage::Searching, || {
        let importance = score::combine::combine(&scores, &recipe.method);
        let cost = prepared.model.cost(plan.calibration.mean_length);
        search::select(prepared.model.groups(), &cost, &importance, &recipe.target)
    })?;
    let repairs = clock.time(Stage::Compensating, || match recipe.method.compensation {
        Compensation::LeastSquares => {
            compensate::compensate_once(&prepared, &masks, recipe, journal, watch)
        }
        Compensation::None => Ok(compensate::Repairs::none(masks.groups())),
    })?;
    let cut = clock.time(Stage::Cutting, || {
        outcome::cut(places, &prepared, &masks, &repairs)
    })?;
    let measured = clock.time(Stage::Verifying, || {
        outcome::verify(&prepared, &masks, &repairs, &cut, watch)
    })?;
    let report = outcome::report(
        &prepared,
        recipe,
        &plan,
        &masks,
        repairs,
        measured,
        &cut,
        clock.times(),
    );
    outcome::close(&prepared, &masks, &report, cut)
        .map_err(|failure| failure.in_stage(Stage::Verifying))?;
    Ok(report)
}

/// Plans and stops there.
///
/// # Errors
/// A [`Failure`] placed in the stage where it happened.
pub fn estimate(places: &Places, recipe: &Recipe) -> Result<Plan, Failure> {
    let prepared =
        Prepared::read(places, recipe).map_err(|failure| failure.in_stage(Stage::Preparing))?;
    plan::draw_up(&prepared, recipe).map_err(|failure| failure.in_stage(Stage::Planning))
}
