//! The pruning pipeline, from the sources to a verified checkpoint.
//!
//! [`run`] executes the stages in order: prepare, plan, rotate, score, merge, search, compensate, cut, verify.
//! Each stage has its own folder or file and passes one value to the next stage.

pub mod admission;
pub mod answers;
pub mod audit;
pub mod compensate;
pub mod curves;
pub mod decisive;
pub mod digest;
pub mod failure;
pub mod inputs;
pub mod journal;
pub mod lanes;
pub mod memory;
pub mod merging;
pub mod numbers;
pub mod outcome;
pub mod page;
pub mod parts;
pub mod peak;
pub mod places;
pub mod plan;
pub mod prepare;
pub mod recipe;
pub mod repairs;
pub mod report;
pub mod reproducibility;
pub mod rotate;
pub mod rounds;
pub mod score;
pub mod search;
pub mod sources;
pub mod stage;
pub mod stopwatch;
pub mod student;
pub mod sums;
pub mod surgery;
pub mod timing;
pub mod verify;
pub mod watch;

use failure::Failure;
use journal::{Journal, NoJournal};
use places::Places;
use plan::Plan;
use prepare::Prepared;
use recipe::Recipe;
use report::{AuditReport, Report};
use score::combine::{UnitImportance, combine};
use search::Limit;
use search::frontier::{self, Frontier};
use stage::Stage;
use stopwatch::Stopwatch;
use watch::Watch;

/// Prunes a model: reads the sources and writes a verified folder.
///
/// # Errors
/// Returns a [`Failure`] that names the stage in which it happened.
pub fn run(
    places: &Places,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<Report, Failure> {
    let mut clock = Stopwatch::new(watch);
    let prepared = clock.time(Stage::Preparing, || Prepared::read(places, recipe))?;
    let (plan, limit) = clock.time(Stage::Planning, || {
        let (working, available) = (
            peak::working(&prepared, recipe),
            memory::available(&places.device),
        );
        memory::check(working, available)?;
        watch.needs_memory(working);
        let limit = Limit::of(&prepared, recipe, journal, watch)?;
        let plan = plan::draw_up(&prepared, recipe, &limit.cost)?;
        Ok((plan, limit))
    })?;
    let prepared = clock.time(Stage::Rotating, || rotate::rotate(prepared, journal, watch))?;
    let (scores, audit) = clock.time(Stage::Scoring, || {
        let scores = score::score(&prepared, recipe, journal, watch)?;
        let audit = audit::on_request(&prepared, recipe, &limit, &scores, watch)?;
        Ok((scores, audit))
    })?;
    let (prepared, limit) = clock.time(Stage::Merging, || {
        let prepared = merging::choose(prepared, recipe, &scores, journal, watch)?;
        let limit = match prepared.plans_merging() {
            true => Limit::of(&prepared, recipe, journal, watch)?,
            false => limit,
        };
        Ok((prepared, limit))
    })?;
    let importance = combine(&scores, &recipe.method.for_model(&prepared.model.reads));
    let (masks, frontier) = clock.time(Stage::Searching, || {
        let masks = rounds::choose(&prepared, recipe, &limit, &scores, journal, watch)?;
        Ok((masks, frontier(&prepared, recipe, &importance)?))
    })?;
    let repairs = clock.time(Stage::Compensating, || {
        compensate::compensate_once(&prepared, &masks, recipe, journal, watch)
    })?;
    let cut = clock.time(Stage::Cutting, || {
        outcome::cut(places, &prepared, &masks, &repairs)
    })?;
    let measured = clock.time(Stage::Verifying, || {
        outcome::verify(&prepared, &masks, &repairs, &cut, recipe.report.rows, watch)
    })?;
    let report = outcome::report(
        &prepared,
        recipe,
        &plan,
        audit,
        &masks,
        repairs,
        measured,
        &cut,
        clock.times(),
    );
    outcome::close(
        &prepared,
        &masks,
        &limit,
        &importance,
        &frontier,
        &report,
        cut,
    )
    .map_err(|failure| failure.in_stage(Stage::Verifying))?;
    Ok(report)
}

/// Returns the best choice of units at every target, from the scores of the unpruned model.
fn frontier(
    prepared: &Prepared,
    recipe: &Recipe,
    importance: &UnitImportance,
) -> Result<Frontier, Failure> {
    Ok(frontier::frontier(
        &prepared.model.groups,
        &search::macs(prepared),
        &search::parameters(prepared)?,
        importance,
        &recipe.constraints,
    ))
}

/// Prepares and plans a job without running it. `watch` hears of the stages and of the memory that is needed.
///
/// # Errors
/// Returns a [`Failure`] that names the stage in which it happened.
pub fn estimate(places: &Places, recipe: &Recipe, watch: &dyn Watch) -> Result<Plan, Failure> {
    watch.stage(Stage::Preparing);
    let prepared =
        Prepared::read(places, recipe).map_err(|failure| failure.in_stage(Stage::Preparing))?;
    watch.stage(Stage::Planning);
    watch.needs_memory(peak::working(&prepared, recipe));
    Limit::of(&prepared, recipe, &NoJournal, watch)
        .and_then(|limit| plan::draw_up(&prepared, recipe, &limit.cost))
        .map_err(|failure| failure.in_stage(Stage::Planning))
}

/// Prepares, scores, and audits the scores.
///
/// # Errors
/// Returns a [`Failure`] that names the stage in which it happened.
pub fn audit(
    places: &Places,
    recipe: &Recipe,
    journal: &dyn Journal,
    watch: &dyn Watch,
) -> Result<AuditReport, Failure> {
    let mut clock = Stopwatch::new(watch);
    let prepared = clock.time(Stage::Preparing, || Prepared::read(places, recipe))?;
    let limit = clock.time(Stage::Planning, || {
        Limit::of(&prepared, recipe, journal, watch)
    })?;
    let prepared = clock.time(Stage::Rotating, || rotate::rotate(prepared, journal, watch))?;
    let scores = clock.time(Stage::Scoring, || {
        score::score(&prepared, recipe, journal, watch)
    })?;
    clock.time(Stage::Scoring, || {
        audit::audit(&prepared, recipe, &limit, &scores, watch)
    })
}
