//! The search, compared with trying every set of units.

use optin::model::cost::Cost;
use optin::model::unit::{UnitGroup, UnitKind};
use optin::prune::failure::Code;
use optin::prune::recipe::Constraints;
use optin::prune::score::combine::UnitImportance;
use optin::prune::search::frontier::frontier;
use optin::prune::search::{budget, select};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::fixture::units::{group, target};

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
        let per_unit = [head, neuron, head, neuron + 1];
        let cost = Cost::linear(random.random_range(0..10), per_unit);
        let importance = UnitImportance {
            groups: widths
                .iter()
                .map(|&width| (0..width).map(|_| random.random_range(0.0..1.0)).collect())
                .collect(),
        };
        let target = target(random.random_range(0.2..0.95), 0.2);
        let budget = budget(cost.whole(&groups), target.keep);
        if budget < cost.fixed {
            continue;
        }
        let least = ((budget as f64 * 0.8).ceil() as u64).saturating_sub(cost.fixed);
        let units: Vec<(u64, f64)> = importance
            .groups
            .iter()
            .zip(per_unit)
            .flat_map(|(values, cost)| values.iter().map(move |&value| (cost, value)))
            .collect();
        let best = brute_force(&units, least, budget - cost.fixed);
        match select(
            &groups,
            &cost,
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
    let cost = Cost::linear(0, [50, 10]);
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
    let cost = Cost::linear(0, [1, 1]);
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
    let cost = Cost::linear(40, [15]);
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
    let cost = Cost::linear(20, [16, 3, 16, 3, 16, 3]);
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
    let selected = |constraints: &Constraints| {
        select(&groups, &cost, &importance, &target(0.8, 0.1), constraints).unwrap()
    };
    let counts = |constraints: &Constraints| -> Vec<usize> {
        let masks = selected(constraints);
        (0..groups.len()).map(|group| masks.count(group)).collect()
    };
    let rounded = counts(&Constraints {
        round_to: Some(8),
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
        round_to: Some(8),
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
    let frontier = frontier(&groups, &cost, &cost, &importance, &none);
    let last = frontier.points.last().unwrap();
    assert_eq!((last.macs, last.importance), (frontier.macs, 1.0));
    for pair in frontier.points.windows(2) {
        assert!(pair[0].percent < pair[1].percent);
        assert!(pair[0].importance <= pair[1].importance);
        assert!(pair[0].macs <= pair[1].macs);
    }
    assert!(frontier.points.len() > 90);
    // The frontier tells without another search that a target is below the smallest model.
    let smallest = optin::prune::search::least(&groups, &cost, &none);
    assert_eq!(frontier.smallest_macs, smallest);
    let floor = smallest as f64 / frontier.macs as f64;
    for (keep, reachable) in [(floor + 0.01, true), (floor - 0.001, false)] {
        let target = target(keep, 0.5);
        assert_eq!(frontier.check(&target).is_ok(), reachable, "{keep}");
        let found = select(&groups, &cost, &importance, &target, &none);
        assert_eq!(found.is_ok(), reachable, "{keep}");
    }
    for point in &frontier.points[..frontier.points.len() - 1] {
        let target = target(point.percent as f64 / 100.0, 0.5);
        let masks = select(&groups, &cost, &importance, &target, &none).unwrap();
        let kept: Vec<usize> = (0..groups.len()).map(|group| masks.count(group)).collect();
        assert_eq!(kept, point.kept, "{} %", point.percent);
    }
}

#[test]
fn a_group_may_keep_all_units_if_their_number_is_no_multiple() {
    let groups = [
        group("a", UnitKind::Neuron, 10),
        group("b", UnitKind::Neuron, 10),
    ];
    let cost = Cost::linear(0, [1, 1]);
    let importance = UnitImportance {
        groups: vec![vec![2.0; 10], vec![1.0; 10]],
    };
    let constraints = Constraints {
        round_to: Some(4),
        ..Constraints::default()
    };
    let counts = |keep| {
        let masks = select(
            &groups,
            &cost,
            &importance,
            &target(keep, 0.01),
            &constraints,
        );
        let masks = masks.unwrap();
        [masks.count(0), masks.count(1)]
    };
    assert_eq!(counts(1.0), [10, 10]);
    assert_eq!(counts(0.7), [10, 4]);
    assert_eq!(counts(0.6), [8, 4]);
}

/// Groups of at least 128 units keep a multiple of 8. Smaller groups have at least sixteen multiples to choose from.
#[test]
fn by_default_wide_groups_keep_a_multiple_of_eight() {
    let step = |width, round_to| {
        let constraints = Constraints {
            round_to,
            ..Constraints::default()
        };
        constraints.step(&group("a", UnitKind::Neuron, width))
    };
    let steps = [1, 16, 31, 32, 64, 127, 128, 3_072].map(|width| step(width, None));
    assert_eq!(steps, [1, 1, 1, 2, 4, 4, 8, 8]);
    assert_eq!(step(16, Some(8)), 8);
    assert_eq!(step(3_072, Some(1)), 1);
    let groups = [
        group("a", UnitKind::Neuron, 128),
        group("b", UnitKind::Neuron, 128),
    ];
    let importance = UnitImportance {
        groups: vec![vec![2.0; 128], vec![1.0; 128]],
    };
    let (cost, target) = (Cost::linear(0, [1, 1]), target(0.7, 0.05));
    let masks = select(
        &groups,
        &cost,
        &importance,
        &target,
        &Constraints::default(),
    )
    .unwrap();
    assert_eq!([masks.count(0), masks.count(1)], [128, 48]);
}
