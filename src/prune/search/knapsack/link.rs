//! The best neighbor of every item of a menu.

use super::stage::Choice;

/// Returns for each item of `to` the maximum over the items of `from` of `values[from] - weight * units * units'`.
///
/// The number of units of the best neighbor never rises from one item of `to` to the next, so the best neighbor of the
/// item in the middle divides the rest into two smaller problems (Aggarwal et al. 1987, "Geometric applications of a
/// matrix-searching algorithm"). This takes `O(n log n)` steps instead of `O(n^2)`.
pub(super) fn best(values: &[f64], from: &[Choice], to: &[Choice], weight: f64) -> Vec<f64> {
    if weight == 0.0 {
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        return vec![most; to.len()];
    }
    let mut best = vec![f64::NEG_INFINITY; to.len()];
    // Ranges of `to`, each with the range of `from` that holds its best neighbors, both ends included.
    let mut open = vec![(0..to.len(), 0, from.len() - 1)];
    while let Some((range, first, last)) = open.pop() {
        if range.is_empty() {
            continue;
        }
        let middle = range.start + range.len() / 2;
        let weight = weight * to[middle].units as f64;
        let mut at = first;
        for index in first..=last {
            let value = values[index] - weight * from[index].units as f64;
            if value > best[middle] {
                (best[middle], at) = (value, index);
            }
        }
        open.push((range.start..middle, at, last));
        open.push((middle + 1..range.end, first, at));
    }
    best
}
