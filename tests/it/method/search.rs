//! The search, compared with trying every set of units.

use optin::model::cost::Cost;
use optin::model::unit::{Seat, UnitGroup, UnitKind};
use optin::prune::failure::Code;
use optin::prune::recipe::{Constraints, Metric, Target};
use optin::prune::score::combine::UnitImportance;
use optin::prune::search::frontier::frontier;
use optin::prune::search::latency::{LatencyTable, PointTime, ShapeTimes};
use optin::prune::search::price::Price;
use optin::prune::search::{budget, select};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

fn group(name: &str, kind: UnitKind, width: usize) -> UnitGroup {
    UnitGroup {
        name: name.to_owned(),
        kind,
        width,
        seat: Seat {
            block: 0,
            first: 0,
            span: 1,
        },
        slices: Vec::new(),
    }
}

fn target(keep: f64, tolerance: f64) -> Target {
    Target {
        metric: Metric::Flops,
        keep,
        tolerance,
    }
}

/// Returns the largest value of all sets that cost between `least` and `most`. Tries every set.
fn brute_force(units: &[(u64, f64)], least: u64, most: u64) -> Option<f64> {
    let sets = 0u32..1 << units.len();
    let values = sets.filter_map(|set| {
        let chosen = units
            .iter()
            .enumerate()
            .filter(|(index, _)| set >> index & 1 == 1);
        let (cost, value) =
            chosen.fold((0, 0.0), |sum, (_, unit)| (sum.0 + unit.0, sum.1 + unit.1));
        (least..=most).contains(&cost).then_some(value)
    });
    values.max_by(f64::total_cmp)
}

#[test]
fn the_selection_is_the_best_of_all_sets() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut solved = 0;
    for _ in 0..200 {
        let widths = [
            random.random_range(1..4),
            random.random_range(1..6),
            random.random_range(1..4),
            random.random_range(1..5),
        ];
        let groups: Vec<UnitGroup> = widths
            .iter()
            .enumerate()
            .map(|(index, &width)| {
                group(
                    &index.to_string(),
                    if index % 2 == 0 {
                        UnitKind::Head
                    } else {
                        UnitKind::Neuron
                    },
                    width,
                )
            })
            .collect();
        // Three different costs per unit: more than BERT has.
        let (head, neuron) = (random.random_range(5..20u64), random.random_range(1..5u64));
        let cost = Cost {
            fixed: random.random_range(0..10),
            per_unit: vec![head, neuron, head, neuron + 1],
        };
        let importance = UnitImportance {
            groups: widths
                .iter()
                .map(|&width| (0..width).map(|_| random.random_range(0.0..1.0)).collect())
                .collect(),
        };
        let target = target(random.random_range(0.2..0.95), 0.2);
        let price = Price::PerUnit(cost.clone());
        let budget = budget(price.whole(&groups), target.keep);
        if budget < cost.fixed {
            continue;
        }
        let least = ((budget as f64 * 0.8).ceil() as u64).saturating_sub(cost.fixed);
        let units: Vec<(u64, f64)> = importance
            .groups
            .iter()
            .zip(&cost.per_unit)
            .flat_map(|(values, &cost)| values.iter().map(move |&value| (cost, value)))
            .collect();
        let best = brute_force(&units, least, budget - cost.fixed);
        match select(
            &groups,
            &price,
            &importance,
            &target,
            &Constraints::default(),
        ) {
            Ok(masks) => {
                let kept =
                    |group: usize| masks.kept(group).into_iter().map(move |unit| (group, unit));
                let value: f64 = (0..4)
                    .flat_map(kept)
                    .map(|(group, unit)| importance.groups[group][unit])
                    .sum();
                assert!(
                    (value - best.unwrap()).abs() < 1e-12,
                    "{value}, expected {best:?}"
                );
                let macs = cost.of((0..4).map(|group| masks.count(group)));
                assert!(macs <= budget && macs as f64 >= budget as f64 * 0.8);
                solved += 1;
            }
            Err(failure) => {
                assert_eq!(failure.code, Code::TargetUnreachable);
                assert_eq!(best, None);
            }
        }
    }
    assert!(solved > 100, "only {solved} searches had a solution");
}

#[test]
fn a_selection_may_contain_no_heads() {
    let groups = [
        group("heads", UnitKind::Head, 2),
        group("neurons", UnitKind::Neuron, 10),
    ];
    let cost = Price::PerUnit(Cost {
        fixed: 0,
        per_unit: vec![50, 10],
    });
    let importance = UnitImportance {
        groups: vec![vec![0.01, 0.02], vec![1.0; 10]],
    };
    let masks = select(
        &groups,
        &cost,
        &importance,
        &target(0.5, 0.01),
        &Constraints::default(),
    )
    .unwrap();
    assert_eq!((masks.count(0), masks.count(1)), (0, 10));
}

#[test]
fn equally_important_units_are_selected_in_the_order_of_the_graph() {
    let groups = [
        group("a", UnitKind::Neuron, 3),
        group("b", UnitKind::Neuron, 3),
    ];
    let cost = Price::PerUnit(Cost {
        fixed: 0,
        per_unit: vec![1, 1],
    });
    let importance = UnitImportance {
        groups: vec![vec![1.0; 3], vec![1.0; 3]],
    };
    let masks = select(
        &groups,
        &cost,
        &importance,
        &target(0.67, 0.01),
        &Constraints::default(),
    )
    .unwrap();
    assert_eq!((masks.kept(0), masks.kept(1)), (vec![0, 1, 2], vec![0]));
}

#[test]
fn the_error_for_an_unreachable_target_names_a_reachable_one() {
    let groups = [group("heads", UnitKind::Head, 4)];
    let cost = Price::PerUnit(Cost {
        fixed: 40,
        per_unit: vec![15],
    });
    let importance = UnitImportance {
        groups: vec![vec![1.0; 4]],
    };
    let failure = select(
        &groups,
        &cost,
        &importance,
        &target(0.39, 0.01),
        &Constraints::default(),
    )
    .unwrap_err();
    assert_eq!(failure.code, Code::TargetUnreachable);
    assert!(failure.detail.contains("40.00%"), "{}", failure.detail);
    // No set costs between 55 % and 70 %, because a head costs 15 %.
    let failure = select(
        &groups,
        &cost,
        &importance,
        &target(0.6, 0.01),
        &Constraints::default(),
    )
    .unwrap_err();
    assert_eq!(failure.code, Code::TargetUnreachable);
    assert!(failure.detail.contains("55.00%"), "{}", failure.detail);
}

/// Returns the heads and neurons of three layers, their costs, and random importances.
fn layers() -> (Vec<UnitGroup>, Cost, UnitImportance) {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut groups = Vec::new();
    for layer in 0..3 {
        let mut heads = group(&format!("layer.{layer}.heads"), UnitKind::Head, 12);
        heads.seat.span = 8;
        groups.push(heads);
        let name = format!("layer.{layer}.neurons");
        groups.push(group(&name, UnitKind::Neuron, 100));
    }
    let cost = Cost {
        fixed: 20,
        per_unit: vec![16, 3, 16, 3, 16, 3],
    };
    let values = groups.iter().map(|group| {
        (0..group.width)
            .map(|_| random.random_range(0.0..1.0))
            .collect()
    });
    let importance = UnitImportance {
        groups: values.collect(),
    };
    (groups, cost, importance)
}

#[test]
fn every_selection_obeys_the_constraints() {
    let (groups, cost, importance) = layers();
    let cost = Price::PerUnit(cost);
    let selected = |constraints: &Constraints| {
        select(&groups, &cost, &importance, &target(0.8, 0.1), constraints).unwrap()
    };
    let counts = |constraints: &Constraints| -> Vec<usize> {
        let masks = selected(constraints);
        (0..groups.len()).map(|group| masks.count(group)).collect()
    };
    let rounded = counts(&Constraints {
        round_to: 8,
        ..Constraints::default()
    });
    assert!(
        rounded
            .iter()
            .skip(1)
            .step_by(2)
            .all(|count| count % 8 == 0)
    );
    assert!(rounded.iter().step_by(2).any(|count| count % 8 != 0));
    let constraints = Constraints {
        round_to: 8,
        min_kept: 35,
        keep_whole: vec!["layer.1".to_owned(), "layer.0.heads".to_owned()],
        ..Constraints::default()
    };
    let masks = selected(&constraints);
    assert!(masks.is_full(0) && masks.is_full(2) && masks.is_full(3));
    // 35 is rounded up to 40. A group of heads has only twelve units.
    assert!(masks.count(1) >= 40 && masks.count(4) == 12 && masks.count(5) >= 40);
    for (group, units) in importance.groups.iter().enumerate() {
        let worst = masks.kept(group).into_iter().map(|unit| units[unit]);
        let worst = worst.fold(f64::INFINITY, f64::min);
        let dropped = (0..units.len()).filter(|&unit| !masks.keeps(group, unit));
        assert!(dropped.into_iter().all(|unit| units[unit] <= worst));
    }
    let uniform = counts(&Constraints {
        uniform: true,
        ..Constraints::default()
    });
    assert_eq!(uniform[0..2], uniform[2..4]);
    assert_eq!(uniform[0..2], uniform[4..6]);
    assert_eq!(uniform[0], (uniform[1] * 12 + 50) / 100);

    let everything = Constraints {
        keep_whole: groups.iter().map(|group| group.name.clone()).collect(),
        ..Constraints::default()
    };
    let refused = select(&groups, &cost, &importance, &target(0.5, 0.1), &everything);
    let refused = refused.unwrap_err();
    assert_eq!(refused.code, Code::TargetUnreachable);
    assert!(refused.detail.contains("100.00%"), "{}", refused.detail);
    let unknown = Constraints {
        keep_whole: vec!["layer.1".to_owned(), "layer.1.head".to_owned()],
        ..Constraints::default()
    };
    let refused = unknown.check(&groups).unwrap_err();
    assert!(
        refused.detail.contains("\"layer.1.head\""),
        "{}",
        refused.detail
    );
}

#[test]
fn the_frontier_is_monotonic_and_equals_the_selection_for_each_target() {
    let (groups, cost, importance) = layers();
    let none = Constraints::default();
    let price = Price::PerUnit(cost.clone());
    let frontier = frontier(&groups, &price, &cost, &importance, &none);
    let last = frontier.points.last().unwrap();
    assert_eq!((last.macs, last.importance), (frontier.macs, 1.0));
    for pair in frontier.points.windows(2) {
        assert!(pair[0].percent < pair[1].percent);
        assert!(pair[0].importance <= pair[1].importance);
        assert!(pair[0].macs <= pair[1].macs);
    }
    assert!(frontier.points.len() > 90);
    // The frontier tells without another search that a target is below the smallest model.
    let smallest = optin::prune::search::least(&groups, &price, &none);
    assert_eq!(frontier.smallest_macs, smallest);
    let floor = smallest as f64 / frontier.macs as f64;
    for (keep, reachable) in [(floor + 0.01, true), (floor - 0.001, false)] {
        let target = target(keep, 0.5);
        assert_eq!(frontier.check(&target).is_ok(), reachable, "{keep}");
        let found = select(&groups, &price, &importance, &target, &none);
        assert_eq!(found.is_ok(), reachable, "{keep}");
    }
    for point in &frontier.points[..frontier.points.len() - 1] {
        let target = target(point.percent as f64 / 100.0, 0.5);
        let masks = select(&groups, &price, &importance, &target, &none).unwrap();
        let kept: Vec<usize> = (0..groups.len()).map(|group| masks.count(group)).collect();
        assert_eq!(kept, point.kept, "{} %", point.percent);
    }
}

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
        let prices: Vec<Vec<u64>> = widths
            .iter()
            .map(|&width| {
                let mut price = 0;
                let steps = (0..width).map(|_| {
                    price += [0, 0, 10, 40][random.random_range(0..4)];
                    price
                });
                [vec![0], steps.collect()].concat()
            })
            .collect();
        let importance = UnitImportance {
            groups: widths
                .iter()
                .map(|&width| (0..width).map(|_| random.random_range(0.0..1.0)).collect())
                .collect(),
        };
        let price = Price::PerCount {
            fixed: 30,
            groups: prices,
        };
        let budget = budget(price.whole(&groups), 0.6);
        let worth = |counts: &[usize]| -> f64 {
            let best = importance.groups.iter().zip(counts).map(|(units, &count)| {
                let mut units = units.clone();
                units.sort_by(|a, b| b.total_cmp(a));
                units[..count].iter().sum::<f64>()
            });
            best.sum()
        };
        let mut best = f64::NEG_INFINITY;
        for all in 0..5 * 8 * 6 {
            let counts = [all % 5, all / 5 % 8, all / 40];
            if price.of(counts) <= budget {
                best = best.max(worth(&counts));
            }
        }
        let chosen = select(
            &groups,
            &price,
            &importance,
            &target(0.6, 0.5),
            &Constraints::default(),
        );
        if budget < 30 {
            assert_eq!(chosen.unwrap_err().code, Code::TargetUnreachable);
            continue;
        }
        let Ok(masks) = chosen else { continue };
        let counts = [0, 1, 2].map(|group| masks.count(group));
        assert!(price.of(counts) <= budget);
        assert!((worth(&counts) - best).abs() < 1e-12);
    }
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
                kind: UnitKind::Neuron,
                width: 8,
                groups: vec![0, 2],
                // The time for 4 units is less than for 2, as after a disturbed measurement.
                points: vec![point(0, 0.5), point(2, 0.7), point(4, 0.6)],
            },
            ShapeTimes {
                kind: UnitKind::Head,
                width: 2,
                groups: vec![1],
                points: vec![point(0, 0.8), point(1, 0.9)],
            },
        ],
    };
    let price = table.price(&groups);
    let of = |kept: [usize; 3]| price.of(kept) as f64 / 1e6;
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-5, "{a}, expected {b}");
    close(of([8, 2, 8]), 10.0);
    close(of([0, 2, 0]), 5.0);
    close(of([1, 2, 0]), 5.5);
    close(of([2, 2, 2]), 7.0);
    close(of([4, 2, 0]), of([2, 2, 0]));
    close(of([0, 0, 0]), 3.0);
    close(of([6, 1, 8]), 10.0 - 1.0 - 1.0);
    assert_eq!(price.fixed(), 3_000_000);
    let importance = UnitImportance {
        groups: vec![vec![1.0; 8], vec![0.1; 2], vec![1.0; 8]],
    };
    let masks = select(
        &groups,
        &price,
        &importance,
        &target(0.8, 0.2),
        &Constraints::default(),
    );
    let masks = masks.unwrap();
    // The heads are the least important, and 4 neurons cost no more than 2.
    assert_eq!(masks.count(1), 0);
    assert!(masks.count(0).min(masks.count(2)) >= 4);
}
