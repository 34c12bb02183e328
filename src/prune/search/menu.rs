//! Selection for prices that are not proportional to the number of units: a knapsack that takes one item (a
//! count of units) from the menu of each group.

use super::constraints::Constraints;
use crate::model::unit::UnitGroup;

/// Maximum number of counts in a group's menu, besides the count of all units.
const CHOICES: usize = 64;

/// Number of parts into which the budget is divided. Prices are rounded up to whole parts, so the selection never
/// exceeds the budget.
const PARTS: u64 = 1 << 14;

/// An item of a menu: the best `units` units of a group, with their price and total importance.
struct Item {
    units: usize,
    price: u64,
    worth: f64,
}

/// Returns the number of units that each group keeps in the most valuable choice that costs at most `budget`, or
/// `None` if there is no such choice.
///
/// `values` holds the importance of each group's units, best first. `prices` holds the price of `0..=width` units
/// of each group. `budget` excludes the fixed cost, which does not depend on the units.
#[must_use]
pub fn best(
    groups: &[UnitGroup],
    constraints: &Constraints,
    values: &[Vec<f64>],
    prices: &[Vec<u64>],
    budget: u64,
) -> Option<Vec<usize>> {
    let part = budget.div_ceil(PARTS).max(1);
    let room = usize::try_from(budget / part).ok()?;
    // `worth`: for each budget, the largest total importance of the groups so far.
    // `taken`: for each group and budget, the number of units in that choice.
    let mut worth: Vec<Option<f64>> = vec![Some(0.0); room + 1];
    let mut taken: Vec<Vec<usize>> = Vec::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        let items = menu(group, constraints, &values[index], &prices[index], part);
        let mut next = vec![None; room + 1];
        let mut took = vec![0; room + 1];
        for (budget, (next, took)) in next.iter_mut().zip(&mut took).enumerate() {
            for item in &items {
                let rest = budget.checked_sub(item.price as usize);
                let Some(before) = rest.and_then(|rest| worth[rest]) else {
                    break;
                };
                let value = before + item.worth;
                if next.is_none_or(|best| value > best) {
                    (*next, *took) = (Some(value), item.units);
                }
            }
        }
        worth = next;
        taken.push(took);
    }
    worth[room]?;
    let mut budget = room;
    let mut counts: Vec<usize> = Vec::with_capacity(groups.len());
    for (took, prices) in taken.iter().zip(prices).rev() {
        counts.push(took[budget]);
        budget -= prices[took[budget]].div_ceil(part) as usize;
    }
    counts.reverse();
    Some(counts)
}

/// Returns the items of a group, cheapest first, with prices in parts of the budget.
fn menu(
    group: &UnitGroup,
    constraints: &Constraints,
    values: &[f64],
    prices: &[u64],
    part: u64,
) -> Vec<Item> {
    let step = constraints.step(group);
    let stride = group.width.div_ceil(CHOICES).next_multiple_of(step).max(1);
    let least = constraints.least(group);
    let counts = (0..group.width).step_by(stride);
    let mut counts: Vec<usize> = counts.filter(|&count| count > least).collect();
    counts.insert(0, least);
    if least < group.width {
        counts.push(group.width);
    }
    let mut sum = 0.0;
    let mut sums = vec![0.0];
    sums.extend(values.iter().map(|value| {
        sum += value;
        sum
    }));
    let items = counts.into_iter().map(|units| Item {
        units,
        price: prices[units].div_ceil(part),
        worth: sums[units],
    });
    items.collect()
}
