//! Metrics that show whether sketched scores select the same units as exact scores.

/// Minimum rank correlation.
pub const MIN_SPEARMAN: f64 = 0.98;
/// Minimum fraction of the selected units that exact scores select as well.
pub const MIN_OVERLAP: f64 = 0.95;
/// Maximum distance of the median ratio from 1.
pub const MAX_BIAS: f64 = 0.05;
/// Maximum fraction of the importance that the selection may lose.
pub const MAX_REGRET: f64 = 0.01;

/// A sampled unit with both of its importances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Number of units that it represents.
    pub weight: f64,
    /// Whether the sketched scores select it.
    pub chosen: bool,
    /// Sketched importance.
    pub sketched: f64,
    /// Exact importance.
    pub exact: f64,
}

/// The four metrics of an audit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gates {
    /// See [`spearman`].
    pub spearman: f64,
    /// See [`overlap`].
    pub overlap: f64,
    /// See [`median_ratio`].
    pub median_ratio: f64,
    /// Fraction of the importance that the selection lacks, compared with the selection by the exact scores of the sample.
    pub regret: f64,
}

impl Gates {
    /// Whether all metrics are within their limits.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.spearman >= MIN_SPEARMAN
            && self.overlap >= MIN_OVERLAP
            && (self.median_ratio - 1.0).abs() <= MAX_BIAS
            && self.regret <= MAX_REGRET
    }
}

/// Computes the metrics of an audit. `better` tells for each unit whether the search selects it if it knows the exact scores
/// of the sample. `regret` does not depend on the sample alone.
#[must_use]
pub fn measure(pairs: &[Pair], better: &[bool], regret: f64) -> Gates {
    Gates {
        spearman: spearman(pairs),
        overlap: overlap(pairs, better),
        median_ratio: median_ratio(pairs),
        regret,
    }
}

/// Returns the weight of the units that both selections contain, divided by the weight of the selection by sketched scores.
#[must_use]
pub fn overlap(pairs: &[Pair], better: &[bool]) -> f64 {
    let chosen = || pairs.iter().zip(better).filter(|(pair, _)| pair.chosen);
    let weight: f64 = chosen().map(|(pair, _)| pair.weight).sum();
    let common = chosen().filter(|(_, better)| **better);
    let common: f64 = common.map(|(pair, _)| pair.weight).sum();
    if weight > 0.0 { common / weight } else { 1.0 }
}

/// Returns Spearman's rank correlation of both importances. Each unit counts by its weight.
#[must_use]
pub fn spearman(pairs: &[Pair]) -> f64 {
    let (sketched, exact) = (
        ranks(pairs, |pair| pair.sketched),
        ranks(pairs, |pair| pair.exact),
    );
    let total: f64 = pairs.iter().map(|pair| pair.weight).sum();
    let middle = total / 2.0;
    let (mut both, mut of_sketched, mut of_exact) = (0.0, 0.0, 0.0);
    for ((pair, a), b) in pairs.iter().zip(&sketched).zip(&exact) {
        both += pair.weight * (a - middle) * (b - middle);
        of_sketched += pair.weight * (a - middle).powi(2);
        of_exact += pair.weight * (b - middle).powi(2);
    }
    let scale = (of_sketched * of_exact).sqrt();
    if scale > 0.0 { both / scale } else { 1.0 }
}

/// Returns the rank of each unit: the weight of the units below it plus half of the weight of its ties.
fn ranks(pairs: &[Pair], value: impl Fn(&Pair) -> f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by(|&a, &b| value(&pairs[a]).total_cmp(&value(&pairs[b])));
    let mut ranks = vec![0.0; pairs.len()];
    let mut below = 0.0;
    for equal in order.chunk_by(|&a, &b| value(&pairs[a]) == value(&pairs[b])) {
        let weight: f64 = equal.iter().map(|&index| pairs[index].weight).sum();
        equal
            .iter()
            .for_each(|&index| ranks[index] = below + weight / 2.0);
        below += weight;
    }
    ranks
}

/// Returns the weighted median of sketched / exact importance. Units without exact importance are ignored.
#[must_use]
pub fn median_ratio(pairs: &[Pair]) -> f64 {
    let counted = pairs.iter().filter(|pair| pair.exact > 0.0);
    let mut ratios: Vec<(f64, f64)> = counted
        .map(|pair| (pair.sketched / pair.exact, pair.weight))
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = ratios.iter().map(|(_, weight)| weight).sum();
    let mut below = 0.0;
    for (ratio, weight) in ratios {
        below += weight;
        if below >= total / 2.0 {
            return ratio;
        }
    }
    1.0
}
