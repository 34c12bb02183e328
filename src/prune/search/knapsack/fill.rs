//! Greedy filling of the room that a choice leaves.

use super::stage::{Stage, total};

/// Improves a choice that costs at most `high`. In each step, one stage moves to its next item, if that item fits: the
/// stage that gains the most worth per cost.
pub(super) fn fill(stages: &[Stage], mut items: Vec<usize>, high: u64) -> Vec<usize> {
    let (mut cost, _) = total(stages, &items);
    loop {
        let mut found: Option<(f64, usize, u64)> = None;
        for stage in 0..stages.len() {
            if items[stage] == stages[stage].last() {
                continue;
            }
            let (worth, added) = step(stages, &items, stage);
            if added > high - cost {
                continue;
            }
            let rate = worth / added.max(1) as f64;
            if found.is_none_or(|(best, ..)| rate > best) {
                found = Some((rate, stage, added));
            }
        }
        let Some((_, stage, added)) = found else {
            return items;
        };
        items[stage] += 1;
        cost += added;
    }
}

/// Returns the worth and the cost that a stage's next item adds.
fn step(stages: &[Stage], items: &[usize], stage: usize) -> (f64, u64) {
    let menu = &stages[stage].menu;
    let (now, next) = (menu[items[stage]], menu[items[stage] + 1]);
    let units = next.units - now.units;
    let neighbor = |index: usize| stages[index].menu[items[index]].units;
    let mut cost = next.cost - now.cost;
    if stage > 0 {
        cost += stages[stage - 1].shared(neighbor(stage - 1), units);
    }
    if stage + 1 < stages.len() {
        cost += stages[stage].shared(units, neighbor(stage + 1));
    }
    (next.worth - now.worth, cost)
}
