//! What a job will do and cost, before anything is scored (`plan.json`; the answer to an estimate).

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::lanes;
use super::peak;
use super::prepare::Prepared;
use super::recipe::{Metric, Recipe};
use super::report::{CalibrationUse, Size};
use super::score::{self, STACKED_TOKENS, sketch};
use super::search::{self, price::Price};
use crate::model::cost::Cost;
use crate::model::mask::Masks;

/// `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Architecture as the registry names it.
    pub architecture: String,
    /// The model as it is.
    pub size: Size,
    /// What the target limits.
    pub metric: Metric,
    /// What the model costs in that metric: MACs, parameters, or nanoseconds.
    pub whole_cost: u64,
    /// What the cut model may cost.
    pub target_cost: u64,
    /// The same when every unit is gone that may go: no target below this can be met.
    pub reachable_cost: u64,
    /// The groups of units and what each unit costs.
    pub groups: Vec<GroupPlan>,
    /// What of the calibration file will be used.
    pub calibration: CalibrationUse,
    /// MACs that scoring will execute, an audit not counted.
    pub scoring_macs: u64,
    /// Scoring time in milliseconds, extrapolated from one timed forward on this machine.
    pub scoring_ms: u64,
    /// Most memory that weights and activations will take at once, in bytes.
    pub peak_bytes: u64,
}

impl Plan {
    /// The smallest share of the model that can be reached, in percent of the target's metric.
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
    /// `head`, `neuron`, ...
    pub kind: String,
    /// How many units.
    pub width: usize,
    /// MACs that one unit costs at the calibration set's mean length.
    pub macs_per_unit: u64,
}

/// Draws up the plan, and checks that the target can be reached.
///
/// # Errors
/// [`TargetUnreachable`](super::failure::Code::TargetUnreachable), or a fault of ours.
pub fn draw_up(prepared: &Prepared, recipe: &Recipe, price: &Price) -> Result<Plan, Failure> {
    let groups = prepared.model.groups();
    let calibration = prepared.calibration_use(recipe);
    let cost = search::macs(prepared);
    let target_cost = search::reachable_budget(groups, price, &recipe.target, &recipe.constraints)?;
    let scoring_macs = scoring_macs(prepared, recipe);
    let group_plans = groups
        .iter()
        .zip(&cost.per_unit)
        .map(|(group, &macs_per_unit)| GroupPlan {
            group: group.name.clone(),
            kind: group.kind.as_str().to_owned(),
            width: group.width,
            macs_per_unit,
        });
    Ok(Plan {
        architecture: prepared.architecture.to_owned(),
        size: size(prepared, &cost),
        metric: recipe.target.metric,
        whole_cost: price.whole(groups),
        target_cost,
        reachable_cost: search::least(groups, price, &recipe.constraints),
        groups: group_plans.collect(),
        calibration,
        scoring_macs,
        scoring_ms: (scoring_macs as f64 * ms_per_mac(prepared, recipe)?) as u64,
        peak_bytes: peak::bytes(prepared, recipe),
    })
}

fn size(prepared: &Prepared, cost: &Cost) -> Size {
    Size {
        macs: cost.macs(prepared.model.groups().iter().map(|group| group.width)),
        parameters: prepared.weights.parameters(),
        bytes: prepared.weights.total_bytes(),
    }
}

/// Each exact unit of a block runs every later block once, over all scoring rows; sketched units share one
/// way back a probe, which costs as much as a forward, and one more forward a round.
fn scoring_macs(prepared: &Prepared, recipe: &Recipe) -> u64 {
    let rows = prepared.scoring_rows(recipe);
    let length = prepared.tokens(&rows) as f64 / rows.len().max(1) as f64;
    let cost = prepared.model.cost(length);
    let mut after = cost.fixed;
    let mut total = 0;
    let sketched = score::sketched(prepared.model.as_ref(), recipe);
    let groups = prepared.model.groups().iter().zip(&cost.per_unit);
    for ((group, each), sketched) in groups.zip(&sketched).rev() {
        let exact = match sketched {
            true => group.width.min(sketch::anchor::ANCHORS),
            false => group.width,
        };
        total += exact as u64 * after;
        after += group.width as u64 * each;
    }
    if sketched.contains(&true) {
        let probes = sketch::Stop::default().most;
        total += after * (probes + probes / sketch::ROUND) as u64;
    }
    // Each round but the first scores what the one before has left.
    let rounds = recipe.method.rounds;
    let left = (0..rounds).map(|round| recipe.target.keep.powf(round as f64 / rounds as f64));
    (total as f64 * rows.len() as f64 * left.sum::<f64>()) as u64
}

/// From one timed forward of the scoring rows, in as many lanes as scoring will have.
fn ms_per_mac(prepared: &Prepared, recipe: &Recipe) -> Result<f64, Failure> {
    let rows = prepared.scoring_rows(recipe);
    let batches = prepared.calibration.batches_of(&rows, STACKED_TOKENS)?;
    let model = prepared.model.as_ref();
    let full = Masks::full(model.groups());
    let start = Instant::now();
    lanes::run(batches.len(), |index| {
        Ok(model.forward(&batches[index], &full)?)
    })?;
    let length = prepared.tokens(&rows) as f64 / rows.len().max(1) as f64;
    let macs = model
        .cost(length)
        .macs(model.groups().iter().map(|group| group.width))
        * rows.len() as u64;
    Ok(start.elapsed().as_secs_f64() * 1e3 / macs.max(1) as f64)
}
