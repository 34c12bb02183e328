//! The plan of a job: what it will do and cost, computed before scoring (`plan.json`, and the response to an estimate).

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::curves;
use super::failure::Failure;
use super::lanes;
use super::peak;
use super::prepare::Prepared;
use super::recipe::{Mapping, Metric, Recipe};
use super::report::{CalibrationUse, Size};
use super::score::teacher::STACKED_POSITIONS;
use super::score::{self, sketch};
use super::search;
use crate::model::chain::Model;
use crate::model::cost::Cost;
use crate::model::extent::Extent;
use crate::model::mask::Masks;
use crate::model::work::Work;

/// `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Architecture as the registry names it.
    pub architecture: String,
    /// Size of the unpruned model.
    pub size: Size,
    /// The metric that the target limits.
    pub metric: Metric,
    /// Cost of the unpruned model in that metric: MACs, parameters, or nanoseconds.
    pub whole_cost: u64,
    /// Maximum cost of the pruned model.
    pub target_cost: u64,
    /// Cost of the smallest model that the constraints allow. No target below this cost can be met.
    pub reachable_cost: u64,
    /// The groups of units and the cost of one unit of each.
    pub groups: Vec<GroupPlan>,
    /// What will be used of the calibration file.
    pub calibration: CalibrationUse,
    /// The columns of the calibration file that will be read. None are named for images.
    pub calibration_columns: Mapping,
    /// The columns of the evaluation file that will be read.
    pub evaluation_columns: Option<Mapping>,
    /// MACs that scoring will execute, without the audit.
    pub scoring_macs: u64,
    /// Scoring time in milliseconds, extrapolated from timed forward passes on this machine.
    pub scoring_ms: u64,
    /// Estimated peak memory of weights and activations, in bytes.
    pub peak_bytes: u64,
}

impl Plan {
    /// Returns the smallest fraction of the model's cost that can be reached, in percent.
    #[must_use]
    pub fn reachable_percent(&self) -> f64 {
        100.0 * self.reachable_cost as f64 / self.whole_cost.max(1) as f64
    }
}

/// One group of units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPlan {
    /// The group's name in the graph.
    pub group: String,
    /// Kind of the units: `value` or `query` (dimensions inside attention heads), `head` or `neuron`.
    pub kind: String,
    /// Number of units.
    pub width: usize,
    /// MACs of one unit per row, on average over the calibration rows, while all other units are kept.
    pub macs_per_unit: u64,
}

/// Creates the plan and checks that the target can be reached.
///
/// # Errors
/// Returns [`TargetUnreachable`](super::failure::Code::TargetUnreachable) if the target cannot be reached, and
/// [`Internal`](super::failure::Code::Internal) if the timed forward pass fails.
pub fn draw_up(prepared: &Prepared, recipe: &Recipe, limit: &Cost) -> Result<Plan, Failure> {
    let groups = &prepared.model.groups;
    let calibration = prepared.calibration_use(recipe);
    let macs = search::macs(prepared);
    let target_cost = search::reachable_budget(groups, limit, &recipe.target, &recipe.constraints)?;
    let scoring_macs = scoring_macs(prepared, recipe);
    let group_plans = groups
        .iter()
        .zip(macs.per_unit(groups))
        .map(|(group, macs_per_unit)| GroupPlan {
            group: group.name.clone(),
            kind: group.kind.as_str().to_owned(),
            width: group.width,
            macs_per_unit,
        });
    Ok(Plan {
        architecture: prepared.architecture.to_owned(),
        size: size(prepared, &macs),
        metric: recipe.target.metric,
        whole_cost: limit.whole(groups),
        target_cost,
        reachable_cost: search::least(groups, limit, &recipe.constraints),
        groups: group_plans.collect(),
        calibration,
        calibration_columns: prepared.calibration.mapping.clone(),
        evaluation_columns: prepared
            .evaluation
            .as_ref()
            .map(|data| data.mapping.clone()),
        scoring_macs,
        scoring_ms: (scoring_macs as f64 * ms_per_mac(prepared, recipe)?) as u64,
        peak_bytes: peak::bytes(prepared, recipe),
    })
}

fn size(prepared: &Prepared, macs: &Cost) -> Size {
    Size {
        macs: macs.whole(&prepared.model.groups),
        parameters: prepared.weights.parameters(),
        bytes: prepared.weights.total_bytes(),
    }
}

/// Returns the MACs of scoring.
///
/// Each unit that is scored exactly runs every later block once over all scoring rows. Sketched units share a forward pass
/// and one backward pass per probe, which costs as much as a forward pass. One round of probes is usually enough. Curves of
/// what removals cost after a repair come on top.
fn scoring_macs(prepared: &Prepared, recipe: &Recipe) -> u64 {
    let model = &prepared.model;
    let rows = prepared.scoring_rows(recipe);
    let works = model.work(&prepared.calibration.extent_of(&rows));
    let sketched = score::sketched(model, recipe);
    let mut after = full(model, &works.head);
    let mut total = 0;
    for (block, work) in works.blocks.iter().enumerate().rev() {
        for group in model.groups_at(block) {
            if !sketched[group] {
                total += model.groups[group].width as u64 * after;
            }
        }
        after += full(model, work);
    }
    if sketched.contains(&true) {
        total += after * (sketch::ROUND as u64 + 1);
    }
    let mut total = (total * rows.len() as u64) as f64;
    if curves::are_wanted(model, recipe) {
        total += curves::cost::macs(prepared, recipe) as f64;
    }
    // Each selection round after the first scores the model that the previous round kept.
    let rounds = recipe.method.rounds;
    let left = (0..rounds).map(|round| recipe.target.keep.powf(round as f64 / rounds as f64));
    (total * left.sum::<f64>()) as u64
}

/// Returns the MACs of a part of the unpruned model.
fn full(model: &Model, work: &Work) -> u64 {
    work.macs.with_all(&model.groups).round() as u64
}

/// Number of MACs whose time is measured, which take less than a second. More are measured if one batch per lane has more.
const TIMED_MACS: u64 = 20_000_000_000;

/// Returns the milliseconds per MAC of timed forward passes of some scoring rows, run in as many lanes as scoring.
fn ms_per_mac(prepared: &Prepared, recipe: &Recipe) -> Result<f64, Failure> {
    let rows = prepared.scoring_rows(recipe);
    let batches = prepared.calibration.batches_of(&rows, STACKED_POSITIONS);
    let model = &prepared.model;
    let macs = |extent: &Extent| model.cost(extent).with_all(&model.groups) * extent.rows() as u64;
    let all = macs(&prepared.calibration.extent_of(&rows));
    let enough = (batches.len() as u64 * TIMED_MACS).div_ceil(all.max(1)) as usize;
    let count = enough.max(lanes::lanes()).min(batches.len());
    // The batches are sorted by size.
    let timed = |index: usize| index * batches.len() / count;
    let full = Masks::full(&model.groups);
    let start = Instant::now();
    lanes::run(count, |index| {
        Ok(model.forward(&batches.load(timed(index))?, &full)?)
    })?;
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    let extents = (0..count).map(|index| batches.extent(timed(index)));
    let macs: u64 = extents.map(|extent| macs(&extent)).sum();
    Ok(elapsed / macs.max(1) as f64)
}
