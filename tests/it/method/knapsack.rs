//! The knapsack of the search, compared with trying every choice.

use optin::prune::search::knapsack::{Choice, Knapsack, Stage, total};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Returns the most worth of all choices that cost at least `low` and at most `high`. Tries every choice.
fn brute_force(stages: &[Stage], low: u64, high: u64) -> Option<f64> {
    let choices: usize = stages.iter().map(|stage| stage.menu.len()).product();
    let worths = (0..choices).filter_map(|mut choice| {
        let items = stages.iter().map(|stage| {
            let item = choice % stage.menu.len();
            choice /= stage.menu.len();
            item
        });
        let (cost, worth) = total(stages, &items.collect::<Vec<_>>());
        (low..=high).contains(&cost).then_some(worth)
    });
    worths.max_by(f64::total_cmp)
}

/// Returns the cost of the last item of each stage.
fn whole(stages: &[Stage]) -> u64 {
    let last: Vec<usize> = stages.iter().map(|stage| stage.menu.len() - 1).collect();
    total(stages, &last).0
}

/// Returns a stage whose items add these worths and costs, one unit each. The first item has `units` units.
fn stage(units: usize, added: impl IntoIterator<Item = (f64, u64)>) -> Stage {
    let mut choice = Choice {
        units,
        cost: 0,
        worth: 0.0,
    };
    let mut menu = vec![choice];
    for (worth, cost) in added {
        choice.units += 1;
        choice.worth += worth;
        choice.cost += cost;
        menu.push(choice);
    }
    Stage { menu, pair: 0 }
}

/// Returns a stage whose units cost the same.
fn linear(values: &[f64], each: u64) -> Stage {
    stage(0, values.iter().map(|&value| (value, each)))
}

/// Returns random importances, the largest first: any numbers, heavy tails, few different numbers, or equal ones.
fn importances(random: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
    let kind = random.random_range(0..4);
    let values = (0..count).map(|_| match kind {
        0 => random.random_range(0.0..1.0),
        1 => f64::exp(random.random_range(-4.0..4.0)),
        2 => f64::from(random.random_range(0..3)),
        _ => 0.5,
    });
    let mut values: Vec<f64> = values.collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

/// Compares the choices for random small problems with brute force. Returns how many problems had no solution, and in
/// how many the best choice without the lower limit was below it.
fn compare(seed: u64, problem: impl Fn(&mut ChaCha8Rng) -> Vec<Stage>) -> (usize, usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut unsolved, mut low_binds) = (0, 0);
    for case in 0..500 {
        let stages = problem(&mut random);
        let high = (whole(&stages) as f64 * random.random_range(0.0..1.1)) as u64;
        let low = match random.random_range(0..3) {
            0 => 0,
            1 => (high as f64 * 0.95).ceil() as u64,
            _ => high.saturating_sub(2),
        };
        let expected = brute_force(&stages, low, high);
        let knapsack = Knapsack::new(stages.clone());
        let Some(items) = knapsack.best(low, high) else {
            assert_eq!(expected, None, "case {case}: {stages:?}");
            unsolved += 1;
            continue;
        };
        let (cost, worth) = total(&stages, &items);
        assert!((low..=high).contains(&cost), "case {case}: {cost}");
        let expected = expected.unwrap();
        assert!(
            (worth - expected).abs() <= 1e-12 * expected.max(1.0),
            "case {case}: {worth}, expected {expected}: {stages:?}"
        );
        let free = knapsack.best(0, high).unwrap();
        low_binds += usize::from(total(&stages, &free).0 < low);
    }
    (unsolved, low_binds)
}

#[test]
fn the_choice_is_the_best_of_all_with_two_and_with_three_costs() {
    for costs in [2, 3] {
        let (unsolved, low_binds) = compare(costs, |random| {
            let stages = (0..costs).map(|_| {
                let values = importances(random, 8);
                let each = random.random_range(1..20);
                linear(&values, each)
            });
            stages.collect()
        });
        assert!(unsolved > 10 && low_binds > 10, "{unsolved}, {low_binds}");
    }
}

#[test]
fn the_choice_is_the_best_of_all_with_many_different_costs() {
    let (unsolved, low_binds) = compare(7, |random| {
        let stages = (0..6).map(|_| {
            let count = random.random_range(0..5);
            let values = importances(random, count);
            let each = random.random_range(0..100);
            linear(&values, each)
        });
        stages.collect()
    });
    assert!(unsolved > 10 && low_binds > 10, "{unsolved}, {low_binds}");
}

#[test]
fn the_search_ends_if_worths_are_negative_and_gains_are_in_any_order() {
    // The worth of a choice can be tiny beside the worths that it is the sum of, so rounding is larger than it.
    let (unsolved, low_binds) = compare(9, |random| {
        let stages = (0..4).map(|_| {
            let mut values = importances(random, 6);
            values.reverse();
            let added = values
                .into_iter()
                .map(|value| (value, random.random_range(1..40)));
            let mut stage = stage(0, added.collect::<Vec<_>>());
            let last = stage.menu[6].worth;
            let rest = 1e-15 * random.random_range(0.0..1.0);
            stage
                .menu
                .iter_mut()
                .for_each(|choice| choice.worth += rest - last);
            stage
        });
        stages.collect()
    });
    assert!(unsolved > 10 && low_binds > 10, "{unsolved}, {low_binds}");
}

#[test]
fn the_search_ends_if_a_worth_is_not_a_finite_number() {
    for worth in [1e308, f64::INFINITY, f64::NAN] {
        let stages = vec![linear(&[worth; 3], 4), linear(&[3.0, 2.0, 1.0], 5)];
        let items = Knapsack::new(stages.clone()).best(0, 13).unwrap();
        assert!(total(&stages, &items).0 <= 13);
    }
}

#[test]
fn the_choice_is_the_best_of_all_if_costs_have_steps() {
    let (unsolved, low_binds) = compare(8, |random| {
        let stages = (0..4).map(|_| {
            let values = importances(random, 6);
            let added = values.into_iter().map(|value| {
                let cost = [0, 0, 10, 41][random.random_range(0..4)];
                (value, cost)
            });
            stage(0, added)
        });
        stages.collect()
    });
    assert!(unsolved > 10 && low_binds > 10, "{unsolved}, {low_binds}");
}

#[test]
fn the_choice_is_the_best_of_all_if_neighbors_share_costs() {
    let (unsolved, low_binds) = compare(9, |random| {
        let stages = (0..5).map(|index| {
            let count = random.random_range(1..5);
            let values = importances(random, count);
            let each = random.random_range(0..6);
            let first = random.random_range(0..3);
            let mut stage = stage(first, values.into_iter().map(|value| (value, each)));
            if index < 4 {
                // One of three stages shares no cost with the next one.
                stage.pair = [0, 3, 4][random.random_range(0..3)];
            }
            stage
        });
        stages.collect()
    });
    assert!(unsolved > 10 && low_binds > 10, "{unsolved}, {low_binds}");
}

#[test]
fn of_equally_good_choices_the_first_stages_cost_least_and_the_last_stage_is_filled() {
    let knapsack = Knapsack::new(vec![linear(&[2.0, 2.0, 0.0], 4), linear(&[1.0; 8], 2)]);
    // Two units of the second stage cost and bring as much as one of the first.
    assert_eq!(knapsack.best(0, 9), Some(vec![0, 4]));
    assert_eq!(knapsack.best(0, 20), Some(vec![1, 8]));
    // The worthless unit of the first stage is only chosen to reach the lower limit.
    assert_eq!(knapsack.best(0, 28), Some(vec![2, 8]));
    assert_eq!(knapsack.best(25, 28), Some(vec![3, 8]));
    // Worthless units of the last stage are chosen in any case.
    let knapsack = Knapsack::new(vec![linear(&[0.0; 3], 4), linear(&[1.0, 0.0, 0.0], 2)]);
    assert_eq!(knapsack.best(0, 5), Some(vec![0, 2]));
    assert_eq!(knapsack.best(7, 8), Some(vec![1, 2]));
}

#[test]
fn problems_without_a_choice_have_no_solution() {
    let knapsack = Knapsack::new(vec![linear(&[1.0; 3], 10), linear(&[1.0; 2], 20)]);
    assert_eq!(knapsack.best(0, 9), Some(vec![0, 0]));
    assert_eq!(knapsack.best(1, 9), None);
    assert_eq!(knapsack.best(71, 99), None);
    let mut expensive = linear(&[1.0], 1);
    expensive.menu.remove(0);
    assert_eq!(Knapsack::new(vec![expensive]).best(0, 0), None);
    let nothing = Knapsack::new(Vec::new());
    assert_eq!(
        (nothing.best(0, 0), nothing.best(1, 9)),
        (Some(Vec::new()), None)
    );
}

/// Returns 12 stages of few expensive units and 12 of many cheap ones. Their costs are like measured times: known at some
/// points, with an error, and interpolated.
fn measured(random: &mut ChaCha8Rng) -> Vec<Stage> {
    let shapes = [(12, 1, 125e3), (1536, 96, 1e3)].map(|(units, step, each)| {
        let slopes = (0..units).step_by(step);
        let slopes = slopes.map(|_| each * random.random_range(0.5..1.5));
        (units, step, each, slopes.collect::<Vec<f64>>())
    });
    let stages = (0..24).map(|index| {
        let (units, step, each, slopes) = &shapes[index % 2];
        let values = (0..*units).map(|_| each * f64::exp(random.random_range(-3.0..3.0)));
        let mut values: Vec<f64> = values.collect();
        values.sort_by(|a, b| b.total_cmp(a));
        let mut cost = 0.0f64;
        let added = values.into_iter().enumerate().map(|(unit, value)| {
            let before = cost;
            cost += slopes[unit / step];
            (value, cost as u64 - before as u64)
        });
        stage(0, added)
    });
    stages.collect()
}

/// Returns an upper bound of the worth of every choice that costs at most `high`: the smallest over many prices.
fn bound(stages: &[Stage], high: u64) -> f64 {
    let bounds = (0..400).map(|step| {
        let price = 1e-4 * 1.05f64.powi(step);
        let values = stages.iter().map(|stage| {
            let values = stage.menu.iter();
            let values = values.map(|choice| choice.worth - price * choice.cost as f64);
            values.fold(f64::NEG_INFINITY, f64::max)
        });
        values.sum::<f64>() + price * high as f64
    });
    bounds.fold(f64::INFINITY, f64::min)
}

#[test]
fn a_search_with_too_many_good_choices_finds_one_that_is_almost_optimal() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let stages = measured(&mut random);
    let knapsack = Knapsack::new(stages.clone());
    let mut before = 0.0;
    for percent in [10, 25, 40, 55, 70, 85] {
        let high = whole(&stages) * percent / 100;
        let low = high * 99 / 100;
        let items = knapsack.best(low, high).unwrap();
        let (cost, worth) = total(&stages, &items);
        assert!((low..=high).contains(&cost) && worth > before);
        let bound = bound(&stages, high);
        assert!(
            worth <= bound && worth >= 0.998 * bound,
            "{worth} of {bound}"
        );
        assert_eq!(knapsack.best(low, high), Some(items), "not reproducible");
        before = worth;
    }
}

#[test]
fn a_long_chain_with_shared_costs_is_filled_to_the_limit() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let stages = (0..13).map(|index| {
        let values = (0..128).map(|_| f64::exp(random.random_range(-3.0..3.0)));
        let mut values: Vec<f64> = values.collect();
        values.sort_by(|a, b| b.total_cmp(a));
        let mut stage = linear(&values, 27);
        stage.pair = if index < 12 { 9 } else { 0 };
        stage
    });
    let stages: Vec<Stage> = stages.collect();
    let knapsack = Knapsack::new(stages.clone());
    let mut before = 0.0;
    for percent in [20, 40, 60, 80, 100] {
        let high = whole(&stages) * percent / 100;
        let items = knapsack.best(high * 99 / 100, high).unwrap();
        let (cost, worth) = total(&stages, &items);
        assert!((high * 99 / 100..=high).contains(&cost) && worth > before);
        before = worth;
        // No choice that differs by one unit in one or two stages is better.
        for (a, b) in (0..13).flat_map(|a| (0..13).map(move |b| (a, b))) {
            for [one, other] in [[1, 0], [-1, 0], [1, -1], [1, 1]] {
                let mut items = items.clone();
                items[a] = items[a].saturating_add_signed(one).min(128);
                items[b] = items[b].saturating_add_signed(other).min(128);
                let (cost, neighbor) = total(&stages, &items);
                assert!(cost > high || neighbor <= worth + 1e-9, "{a} {b}");
            }
        }
    }
}
