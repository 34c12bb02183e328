//! The items that remain after the bound has excluded the others.

use super::lagrange::Relaxed;
use super::stage::{Choice, Stage};

/// An item that is not excluded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) item: usize,
    pub(super) choice: Choice,
    /// Value of the item and of the later stages of its run.
    pub(super) onward: f64,
    /// Every choice that contains the item has a gap of at least this size.
    pub(super) loss: f64,
}

/// Returns the items of each stage that lose at most `limit`, the smallest loss first.
pub(super) fn within(stages: &[Stage], relaxed: &Relaxed, limit: f64) -> Vec<Vec<Candidate>> {
    let losses = relaxed.losses(stages).into_iter().enumerate();
    let candidates = losses.map(|(index, losses)| {
        let onward = relaxed.onward(stages, index).into_iter();
        let items = onward.zip(&stages[index].menu).zip(losses).enumerate();
        let items = items.filter(|(_, (_, loss))| *loss <= limit);
        let mut items: Vec<Candidate> = items
            .map(|(item, ((onward, &choice), loss))| Candidate {
                item,
                choice,
                onward,
                loss,
            })
            .collect();
        items.sort_by(|a, b| a.loss.total_cmp(&b.loss));
        items
    });
    candidates.collect()
}

/// Limits of the cost of the stages after each stage.
pub(super) struct Reach {
    /// Number of units of the next stage: smallest and largest.
    units: [usize; 2],
    /// Cost of the later stages, without the cost that the next stage shares with this one: smallest and largest.
    cost: [u64; 2],
}

impl Reach {
    /// Returns the limits for each stage but the last if only these items can be chosen. Any item of the last stage can
    /// be chosen.
    pub(super) fn of(stages: &[Stage], candidates: &[&[Candidate]]) -> Vec<Self> {
        let mut reaches: Vec<Self> = Vec::with_capacity(stages.len());
        let mut units = [0; 2];
        let mut cost = [0; 2];
        for (index, stage) in stages.iter().enumerate().skip(1).rev() {
            let choices = match index + 1 == stages.len() {
                true => [0, stage.last()],
                false => {
                    let items = || candidates[index].iter().map(|candidate| candidate.item);
                    [items().min().unwrap_or(0), items().max().unwrap_or(0)]
                }
            };
            let choices = choices.map(|item| stage.menu[item]);
            for (end, choice) in choices.iter().enumerate() {
                cost[end] += choice.cost + stage.shared(choice.units, units[end]);
            }
            units = choices.map(|choice| choice.units);
            reaches.push(Self { units, cost });
        }
        reaches.reverse();
        reaches
    }

    /// Returns the smallest and the largest cost of the later stages for an item of this stage.
    pub(super) fn after(&self, stage: &Stage, units: usize) -> [u64; 2] {
        [0, 1].map(|end| self.cost[end] + stage.shared(units, self.units[end]))
    }
}
