//! The items of a menu that can be optimal at some price.

use super::stage::Choice;

/// The upper concave hull of a menu's worth over its cost.
#[derive(Clone, Debug)]
pub(super) struct Hull {
    /// The items on the hull, cheapest first.
    items: Vec<usize>,
    /// For each item but the first, the worth per cost that it adds to the item before. The rates fall.
    rates: Vec<f64>,
}

impl Hull {
    /// Computes the hull of a menu.
    pub(super) fn new(menu: &[Choice]) -> Self {
        let mut hull = Self {
            items: vec![0],
            rates: Vec::new(),
        };
        for (item, choice) in menu.iter().enumerate().skip(1) {
            loop {
                let last = menu[hull.items[hull.items.len() - 1]];
                if choice.worth <= last.worth {
                    break;
                }
                let rate = (choice.worth - last.worth) / (choice.cost - last.cost) as f64;
                if hull.rates.last().is_some_and(|&before| rate >= before) {
                    hull.rates.pop();
                    hull.items.pop();
                } else if choice.cost == last.cost {
                    // Only the first item has no item before it.
                    hull.items[0] = item;
                    break;
                } else {
                    hull.rates.push(rate);
                    hull.items.push(item);
                    break;
                }
            }
        }
        hull
    }

    /// Returns the most valuable item at a price. Of equally valuable items, it is the cheapest.
    pub(super) fn at(&self, price: f64) -> usize {
        self.items[self.rates.partition_point(|&rate| rate > price)]
    }
}
