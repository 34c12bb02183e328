//! The search with costs that are not proportional to the number of units: measured times, and costs that neighbors
//! share.

use optin::model::cost::{Cost, Curve};
use optin::model::unit::{InHeads, UnitGroup, UnitKind};
use optin::prune::failure::Code;
use optin::prune::recipe::Constraints;
use optin::prune::score::combine::UnitImportance;
use optin::prune::search::latency::{HalfTime, LatencyTable, PointTime, ShapeTimes};
use optin::prune::search::{budget, select};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::fixture::units::{group, target};

#[test]
fn the_selection_is_the_best_of_all_counts_if_costs_depend_on_counts() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..50 {
        let widths = [4usize, 7, 5];
        let groups: Vec<UnitGroup> = widths
            .iter()
            .map(|&width| group(&width.to_string(), UnitKind::Neuron, width))
            .collect();
        // Costs with steps and flat parts, like the time of kernels.
        let curves: Vec<Curve> = widths
            .iter()
            .map(|&width| {
                let mut price = 0;
                let steps = (0..width).map(|_| {
                    price += [0, 0, 10, 40][random.random_range(0..4)];
                    price
                });
                Curve::Table([vec![0], steps.collect()].concat())
            })
            .collect();
        let importance = UnitImportance {
            groups: widths
                .iter()
                .map(|&width| (0..width).map(|_| random.random_range(0.0..1.0)).collect())
                .collect(),
        };
        let cost = Cost {
            fixed: 30,
            groups: curves,
            pairs: vec![0; 2],
            heads: vec![0; 3],
            unread: 0,
        };
        let budget = budget(cost.whole(&groups), 0.6);
        let worth = |counts: &[usize]| -> f64 {
            let best = importance.groups.iter().zip(counts).map(|(units, &count)| {
                let mut units = units.clone();
                units.sort_by(|a, b| b.total_cmp(a));
                units[..count].iter().sum::<f64>()
            });
            best.sum()
        };
        let low = (budget as f64 * 0.5).ceil() as u64;
        let mut best: Option<f64> = None;
        for all in 0..5 * 8 * 6 {
            let counts = [all % 5, all / 5 % 8, all / 40];
            if (low..=budget).contains(&cost.of(counts))
                && best.is_none_or(|best| worth(&counts) > best)
            {
                best = Some(worth(&counts));
            }
        }
        let chosen = select(
            &groups,
            &cost,
            &importance,
            &target(0.6, 0.5),
            &Constraints::default(),
        );
        let Some(best) = best else {
            assert_eq!(chosen.unwrap_err().code, Code::TargetUnreachable);
            continue;
        };
        let masks = chosen.unwrap();
        let counts = [0, 1, 2].map(|group| masks.count(group));
        assert!((low..=budget).contains(&cost.of(counts)));
        assert!((worth(&counts) - best).abs() < 1e-12);
    }
}

/// Three groups of channels. The second convolution reads the first group and produces the second one, and so on.
#[test]
fn the_selection_is_the_best_of_all_counts_if_neighbors_share_costs() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let (mut solved, mut unsolved) = (0, 0);
    for _ in 0..200 {
        let widths = [0; 3].map(|_| random.random_range(1..9));
        let groups = ["a", "b", "c"].iter().zip(widths);
        let groups: Vec<UnitGroup> = groups
            .map(|(name, width)| group(name, UnitKind::Neuron, width))
            .collect();
        let mut cost = Cost::linear(7, [0; 3].map(|_| random.random_range(0..5)));
        cost.pairs = vec![random.random_range(0..3), random.random_range(1..4)];
        let values = widths.map(|width| {
            let values = (0..width).map(|_| random.random_range(0.0..1.0));
            values.collect::<Vec<f64>>()
        });
        let importance = UnitImportance {
            groups: values.to_vec(),
        };
        let constraints = Constraints {
            round_to: Some(random.random_range(1..4)),
            min_kept: random.random_range(0..3),
            ..Constraints::default()
        };
        let target = target(random.random_range(0.3..1.0), 0.1);
        let high = budget(cost.whole(&groups), target.keep);
        let low = (high as f64 * 0.9).ceil() as u64;
        let allowed = |group: usize, count: usize| {
            let (least, step) = (
                constraints.least(&groups[group]),
                constraints.step(&groups[group]),
            );
            count == widths[group] || (count >= least && count.is_multiple_of(step))
        };
        let worth = |counts: [usize; 3]| -> f64 {
            let groups = values.iter().zip(counts).map(|(values, count)| {
                let mut values = values.clone();
                values.sort_by(|a, b| b.total_cmp(a));
                values[..count].iter().sum::<f64>()
            });
            groups.sum()
        };
        let mut best: Option<f64> = None;
        for all in 0..9 * 9 * 9 {
            let counts = [all % 9, all / 9 % 9, all / 81];
            if (0..3).all(|group| counts[group] <= widths[group] && allowed(group, counts[group]))
                && (low..=high).contains(&cost.of(counts))
                && best.is_none_or(|best| worth(counts) > best)
            {
                best = Some(worth(counts));
            }
        }
        match select(&groups, &cost, &importance, &target, &constraints) {
            Ok(masks) => {
                let counts = [0, 1, 2].map(|group| masks.count(group));
                assert!((low..=high).contains(&cost.of(counts)));
                assert!((0..3).all(|group| allowed(group, counts[group])));
                let difference = worth(counts) - best.unwrap();
                assert!(difference.abs() < 1e-12, "{counts:?}: {difference:e}");
                solved += 1;
            }
            Err(failure) => {
                assert_eq!(failure.code, Code::TargetUnreachable);
                assert_eq!(best, None);
                unsolved += 1;
            }
        }
    }
    assert!(
        solved > 100 && unsolved > 5,
        "{solved} solved, {unsolved} not"
    );
}

#[test]
fn a_latency_table_is_interpolated_and_made_monotonic() {
    let groups = [
        group("a", UnitKind::Neuron, 8),
        group("head", UnitKind::Head, 2),
        group("b", UnitKind::Neuron, 8),
    ];
    let point = |kept, share| PointTime {
        kept,
        share,
        deviation: 0.01,
    };
    let table = LatencyTable {
        batch: 8,
        length: 16,
        whole_ms: 10.0,
        shapes: vec![
            ShapeTimes {
                width: 8,
                groups: vec![0, 2],
                // The time for 4 units is less than for 2, as after a disturbed measurement.
                points: vec![point(0, 0.5), point(2, 0.7), point(4, 0.6)],
                half: None,
            },
            ShapeTimes {
                width: 2,
                groups: vec![1],
                points: vec![point(0, 0.8), point(1, 0.9)],
                half: None,
            },
        ],
    };
    let cost = table.cost(&groups);
    let of = |kept: [usize; 3]| cost.of(kept) as f64 / 1e6;
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-5, "{a}, expected {b}");
    close(of([8, 2, 8]), 10.0);
    close(of([0, 2, 0]), 5.0);
    close(of([1, 2, 0]), 5.5);
    close(of([2, 2, 2]), 7.0);
    close(of([4, 2, 0]), of([2, 2, 0]));
    close(of([0, 0, 0]), 3.0);
    close(of([6, 1, 8]), 10.0 - 1.0 - 1.0);
    assert_eq!(cost.fixed, 3_000_000);
    let importance = UnitImportance {
        groups: vec![vec![1.0; 8], vec![0.1; 2], vec![1.0; 8]],
    };
    let masks = select(
        &groups,
        &cost,
        &importance,
        &target(0.8, 0.2),
        &Constraints::default(),
    );
    let masks = masks.unwrap();
    // The heads are the least important, and 4 neurons cost no more than 2.
    assert_eq!(masks.count(1), 0);
    assert!(masks.count(0).min(masks.count(2)) >= 4);
}

#[test]
fn a_latency_table_prices_a_head_by_what_its_channels_do_not_explain() {
    let heads = |values| {
        Some(InHeads {
            count: 4,
            values,
            slices: Vec::new(),
        })
    };
    let mut groups = [
        group("values", UnitKind::Value, 8),
        group("queries", UnitKind::Query, 8),
    ];
    groups[0].heads = heads(None);
    groups[1].heads = heads(Some(0));
    let shape = |groups: Vec<usize>, share: f64, half: Option<HalfTime>| ShapeTimes {
        width: 8,
        groups,
        points: vec![PointTime {
            kept: 4,
            share,
            deviation: 0.01,
        }],
        half,
    };
    // Half of the values take 0.08 of the time, and half of the queries take 0.04.
    let table = |share: f64| LatencyTable {
        batch: 8,
        length: 16,
        whole_ms: 10.0,
        shapes: vec![
            shape(
                vec![0],
                0.92,
                Some(HalfTime {
                    heads: 4,
                    kept: 2,
                    groups: vec![0, 1],
                    share,
                    deviation: 0.01,
                }),
            ),
            shape(vec![1], 0.96, None),
        ],
    };
    // Two heads save 0.2: 0.12 for their channels, and 0.04 for each head.
    let cost = table(0.8).cost(&groups);
    assert_eq!(cost.heads, [400_000, 0]);
    assert_eq!(
        cost.fixed,
        10_000_000 - 2 * 800_000 - 2 * 400_000 - 4 * 400_000
    );
    assert_eq!(cost.whole(&groups), 10_000_000);
    assert_eq!(cost.of([4, 4]) + cost.of_heads([2, 2]), 8_000_000);
    // A measurement below what the channels explain does not make heads profitable.
    let cost = table(0.9).cost(&groups);
    assert_eq!(cost.heads, [0, 0]);
    assert_eq!(cost.whole(&groups), 10_000_000);
}
