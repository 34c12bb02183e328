//! A knapsack problem with a few classes of items. All items of a class have the same weight, so the best
//! `n` items of a class are its `n` most valuable ones.

/// Items of one weight, most valuable first.
#[derive(Clone, Debug)]
pub struct Class {
    weight: u64,
    /// Total value of the best `n` items, for `n` from 0.
    worth: Vec<f64>,
}

impl Class {
    /// Creates a class from the values of its items in descending order.
    #[must_use]
    pub fn new(weight: u64, values: impl IntoIterator<Item = f64>) -> Self {
        let mut worth = vec![0.0];
        for value in values {
            worth.push(worth[worth.len() - 1] + value);
        }
        Self { weight, worth }
    }

    fn items(&self) -> usize {
        self.worth.len() - 1
    }

    /// Returns how many items fit into `room`.
    fn fitting(&self, room: u64) -> usize {
        match room.checked_div(self.weight) {
            Some(count) => usize::try_from(count)
                .unwrap_or(usize::MAX)
                .min(self.items()),
            None => self.items(),
        }
    }
}

/// Returns the number of items of each class in the most valuable set that weighs at least `least` and at most
/// `room`, or `None` if there is no such set. Values must not be negative.
///
/// Every count of every class except the last is tried. With two classes (heads and neurons) this is one loop.
#[must_use]
pub fn best(classes: &[Class], least: u64, room: u64) -> Option<Vec<usize>> {
    search(classes, least, room).map(|(_, counts)| counts)
}

fn search(classes: &[Class], least: u64, room: u64) -> Option<(f64, Vec<usize>)> {
    let Some((class, rest)) = classes.split_first() else {
        return (least == 0).then(|| (0.0, Vec::new()));
    };
    if rest.is_empty() {
        // No value is negative, so the last class takes as many items as fit.
        let count = class.fitting(room);
        return (class.weight * count as u64 >= least).then(|| (class.worth[count], vec![count]));
    }
    let mut found: Option<(f64, Vec<usize>)> = None;
    for count in 0..=class.fitting(room) {
        let weight = class.weight * count as u64;
        let Some((value, counts)) = search(rest, least.saturating_sub(weight), room - weight)
        else {
            continue;
        };
        let value = class.worth[count] + value;
        if found.as_ref().is_none_or(|(best, _)| value > *best) {
            found = Some((value, [vec![count], counts].concat()));
        }
    }
    found
}

/// Returns the total weight of these counts.
#[must_use]
pub fn spent(classes: &[Class], counts: &[usize]) -> u64 {
    classes
        .iter()
        .zip(counts)
        .map(|(class, &count)| class.weight * count as u64)
        .sum()
}
