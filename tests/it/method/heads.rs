//! The search over heads whose channels are units, compared with trying every choice.

use optin::model::cost::Cost;
use optin::model::mask::Masks;
use optin::model::unit::{InHeads, UnitGroup, UnitKind};
use optin::prune::recipe::Constraints;
use optin::prune::score::combine::UnitImportance;
use optin::prune::search::{least, select};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::fixture::units::{group, target};

const HEADS: usize = 3;
const CHANNELS: usize = 4;

/// Costs of a value, a query and a neuron.
const COSTS: [u64; 3] = [5, 5, 2];

/// Returns the values and the queries of one layer, and neurons.
fn groups() -> Vec<UnitGroup> {
    let heads = |values| {
        Some(InHeads {
            count: HEADS,
            values,
            slices: Vec::new(),
        })
    };
    let mut groups = vec![
        group("values", UnitKind::Value, HEADS * CHANNELS),
        group("queries", UnitKind::Query, HEADS * CHANNELS),
        group("neurons", UnitKind::Neuron, 6),
    ];
    groups[0].heads = heads(None);
    groups[1].heads = heads(Some(0));
    groups
}

fn importance(seed: u64) -> UnitImportance {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let groups = groups().into_iter().map(|group| {
        let units = (0..group.width).map(|_| random.random_range(0.0..1.0));
        units.collect()
    });
    UnitImportance {
        groups: groups.collect(),
    }
}

/// Returns the sum of the `count` largest numbers.
fn largest(values: &[f64], count: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(|a, b| b.total_cmp(a));
    values[..count].iter().sum()
}

/// Returns the worth of the best choice within a budget: kept values and neurons, minus the queries that kept heads
/// lose. `of_head` is the cost of a head without its channels.
fn brute_force(importance: &UnitImportance, step: usize, of_head: u64, budget: u64) -> f64 {
    let channels = |group: usize, head: usize| {
        &importance.groups[group][head * CHANNELS..(head + 1) * CHANNELS]
    };
    let mut best = f64::NEG_INFINITY;
    for heads in 0u32..1 << HEADS {
        for values in (step..=CHANNELS).step_by(step) {
            for queries in (step..=CHANNELS).step_by(step) {
                let kept = (0..HEADS).filter(|head| heads >> head & 1 == 1);
                let gains = kept.map(|head| {
                    let (of_values, of_queries) = (channels(0, head), channels(1, head));
                    let lost = largest(of_queries, CHANNELS) - largest(of_queries, queries);
                    largest(of_values, values) - lost
                });
                let worth: f64 = gains.sum();
                let each = values as u64 * COSTS[0] + queries as u64 * COSTS[1] + of_head;
                let cost = u64::from(heads.count_ones()) * each;
                for neurons in 0..=6 {
                    if cost + neurons as u64 * COSTS[2] <= budget {
                        best = best.max(worth + largest(&importance.groups[2], neurons));
                    }
                }
            }
        }
    }
    best
}

/// Returns the worth of masks, and checks that all kept heads have equally many channels.
fn worth(importance: &UnitImportance, masks: &Masks, step: usize) -> f64 {
    let of_head = |group: usize, head: usize| -> Vec<usize> {
        let own = head * CHANNELS..(head + 1) * CHANNELS;
        own.filter(|&unit| masks.keeps(group, unit)).collect()
    };
    let sum = |group: usize, units: &[usize]| -> f64 {
        units
            .iter()
            .map(|&unit| importance.groups[group][unit])
            .sum()
    };
    let mut worth = sum(2, &masks.kept(2));
    let mut shape = None;
    for head in 0..HEADS {
        let (values, queries) = (of_head(0, head), of_head(1, head));
        if values.is_empty() {
            assert!(queries.is_empty(), "a head without values keeps queries");
            continue;
        }
        let own = (values.len(), queries.len());
        assert_eq!(*shape.get_or_insert(own), own);
        assert!(own.0.is_multiple_of(step) && own.1.is_multiple_of(step));
        let all: Vec<usize> = (head * CHANNELS..(head + 1) * CHANNELS).collect();
        worth += sum(0, &values) - (sum(1, &all) - sum(1, &queries));
    }
    worth
}

#[test]
fn the_selection_is_the_best_of_all_shapes_of_the_heads() {
    let groups = groups();
    for seed in 0..60 {
        let of_head = [0, 9][seed as usize % 2];
        let mut cost = Cost::linear(10, COSTS);
        cost.heads[0] = of_head;
        let importance = importance(seed);
        for step in [1, 2] {
            let constraints = Constraints {
                round_widths_to: step,
                ..Constraints::default()
            };
            for keep in [0.2, 0.4, 0.6, 0.8, 0.99] {
                let target = target(keep, 0.5);
                let masks = select(&groups, &cost, &importance, &target, &constraints).unwrap();
                let budget = (cost.whole(&groups) as f64 * keep) as u64;
                let kept = (0..masks.groups()).map(|group| masks.count(group));
                let heads = masks.heads(0, &groups[0]) as u64 * of_head;
                assert!(cost.of(kept) + heads <= budget);
                let expected = brute_force(&importance, step, of_head, budget - 10);
                let worth = worth(&importance, &masks, step);
                assert!(
                    (worth - expected).abs() < 1e-9,
                    "{worth}, expected {expected}"
                );
            }
        }
    }
}

#[test]
fn constraints_hold_for_heads() {
    let groups = groups();
    let cost = Cost::linear(10, COSTS);
    let constraints = |min_kept: usize, keep_whole: &[&str]| Constraints {
        min_kept,
        keep_whole: keep_whole.iter().map(ToString::to_string).collect(),
        round_widths_to: 2,
        ..Constraints::default()
    };
    let kept = |constraints: &Constraints, keep: f64| -> Vec<usize> {
        let target = target(keep, 0.5);
        let masks = select(&groups, &cost, &importance(3), &target, constraints).unwrap();
        (0..masks.groups())
            .map(|group| masks.count(group))
            .collect()
    };
    // Three values need a head with four channels, or two heads with two channels each.
    let three = constraints(3, &[]);
    assert_eq!(least(&groups, &cost, &three), 10 + 4 * 5 + 4 * 5 + 3 * 2);
    assert!(kept(&three, 0.5).iter().all(|&count| count >= 3));
    let whole = constraints(0, &["queries"]);
    assert_eq!(kept(&whole, 0.8)[1], HEADS * CHANNELS);
    // Whole queries need all heads, and each head keeps some values.
    assert_eq!(least(&groups, &cost, &whole), 10 + 12 * 5 + 6 * 5);
    let uniform = Constraints {
        uniform: true,
        ..constraints(0, &[])
    };
    let target = target(0.6, 0.5);
    let masks = select(&groups, &cost, &importance(3), &target, &uniform).unwrap();
    assert_eq!((masks.count(0), masks.count(1)), (6, 6));
}
