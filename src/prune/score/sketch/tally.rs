//! Combines the derivatives of many probes to one estimate per unit.
//!
//! A probe's derivative `g` is a sum over examples and gives two estimates of the same term:
//!
//! - `(sum_e g_e)^2` is unbiased, but its relative deviation is `sqrt(2)` for any number of examples.
//! - `sum_e g_e^2` also averages over the examples, but it omits the terms between two different examples.
//!
//! The second estimate is used, with a correction for the omitted part that comes from the first. The
//! correction has two parts: a share for the whole group, and the deviation of each unit from that share.
//! Both are shrunk according to how well the probes distinguish them from chance (shrinkage as in Robbins
//! 1956 and James and Stein 1961).

use super::per_unit::{PerUnit, add};
use crate::statistics::mean;

/// Sums over the even and over the odd probes.
pub(super) struct Tally {
    halves: [Half; 2],
    /// Relative size of the part of each group that each probe's second estimate omits: `[group][probe]`.
    shares: Vec<Vec<f64>>,
}

struct Half {
    probes: usize,
    /// Sum of `(sum_e g_e)^2` over the probes.
    whole: PerUnit,
    /// Sum of `sum_e g_e^2` over the probes.
    apart: PerUnit,
}

/// Estimates of the units of one group.
pub(super) struct Estimate {
    /// Estimates from all probes.
    pub(super) units: Vec<f64>,
    /// Estimates from the even probes and from the odd probes.
    pub(super) halves: [Vec<f64>; 2],
}

/// Minimum of a unit's estimate, as a fraction of `sum_e g_e^2`.
const MIN_SHARE: f64 = 0.05;

impl Tally {
    /// Creates an empty tally. `zeros` holds a 0 for each unit.
    pub(super) fn new(zeros: &PerUnit) -> Self {
        Self {
            halves: [0, 1].map(|_| Half {
                probes: 0,
                whole: zeros.clone(),
                apart: zeros.clone(),
            }),
            shares: vec![Vec::new(); zeros.len()],
        }
    }

    /// Adds one probe: `whole` are its derivatives summed over all examples, `apart` the sums of their squares.
    pub(super) fn add(&mut self, number: usize, whole: &PerUnit, apart: &PerUnit) {
        let half = &mut self.halves[number % 2];
        half.probes += 1;
        for ((shares, whole), apart) in self.shares.iter_mut().zip(whole).zip(apart) {
            let whole: f64 = whole.iter().map(|unit| unit * unit).sum();
            let apart: f64 = apart.iter().sum();
            shares.push(if apart > 0.0 {
                whole / apart - 1.0
            } else {
                0.0
            });
        }
        for (totals, units) in half.whole.iter_mut().zip(whole) {
            for (total, unit) in totals.iter_mut().zip(units) {
                *total += unit * unit;
            }
        }
        add(&mut half.apart, apart);
    }

    /// Returns the estimates of one group.
    pub(super) fn estimate(&self, group: usize) -> Estimate {
        let mean_of = |sums: fn(&Half) -> &PerUnit| {
            self.halves.each_ref().map(|half| -> Vec<f64> {
                let probes = half.probes.max(1) as f64;
                sums(half)[group].iter().map(|sum| sum / probes).collect()
            })
        };
        let (whole, apart) = (mean_of(|half| &half.whole), mean_of(|half| &half.apart));
        let both = |halves: &[Vec<f64>; 2]| -> Vec<f64> {
            let pairs = halves[0].iter().zip(&halves[1]);
            pairs.map(|(even, odd)| (even + odd) / 2.0).collect()
        };
        let apart_of_both = both(&apart);
        // The omitted part of each unit relative to its second estimate, from each half of the probes.
        let common = [0, 1].map(|half| -> Vec<f64> {
            let units = whole[half].iter().zip(&apart[half]).zip(&apart_of_both);
            units
                .map(|((whole, apart), both)| match *both > 0.0 {
                    true => (whole - apart) / both,
                    false => 0.0,
                })
                .collect()
        });
        let share = mean(&both(&common));
        let departures = common
            .map(|units| -> Vec<f64> { units.into_iter().map(|unit| unit - share).collect() });
        let share = share * certainty(share, &self.shares[group]);
        let pairs = || departures[0].iter().zip(&departures[1]);
        let agreed: f64 = pairs().map(|(even, odd)| even * odd).sum();
        let spread: f64 = pairs()
            .map(|(even, odd)| ((even + odd) / 2.0).powi(2))
            .sum();
        let trust = match spread > 0.0 {
            true => (agreed / spread).clamp(0.0, 1.0),
            false => 0.0,
        };
        let estimate = |apart: &[f64], departures: &[f64]| -> Vec<f64> {
            let units = apart.iter().zip(departures);
            units
                .map(|(apart, departure)| apart * (1.0 + share + trust * departure).max(MIN_SHARE))
                .collect()
        };
        Estimate {
            units: estimate(&apart_of_both, &both(&departures)),
            halves: [0, 1].map(|half| estimate(&apart[half], &departures[half])),
        }
    }
}

/// Returns the shrinkage factor of a share, 0 to 1: near 1 if the share is large compared with its standard error.
fn certainty(share: f64, probes: &[f64]) -> f64 {
    let (count, centre) = (probes.len() as f64, mean(probes));
    let squares: f64 = probes.iter().map(|probe| (probe - centre).powi(2)).sum();
    let variance = squares / (count * (count - 1.0)).max(1.0);
    if share == 0.0 {
        return 0.0;
    }
    (1.0 - variance / (share * share)).clamp(0.0, 1.0)
}
