//! The audit: its sample, its metrics with their limits, and a complete run.

use optin::model::mask::Masks;
use optin::model::unit::{Channels, Seat, UnitGroup, UnitKind};
use optin::prune::audit;
use optin::prune::audit::gates::{self, Pair};
use optin::prune::audit::sample;
use optin::prune::failure::Code;
use optin::prune::journal::NoJournal;
use optin::prune::recipe::Estimator;
use optin::prune::score::combine::UnitImportance;
use optin::prune::watch::Unwatched;

use crate::fixture::bert::Tiny;
use crate::fixture::folder::Folder;

fn pair(weight: f64, chosen: bool, sketched: f64, exact: f64) -> Pair {
    Pair {
        weight,
        chosen,
        sketched,
        exact,
    }
}

#[test]
fn correct_sketched_scores_pass() {
    let pairs = (0..40).map(|unit| {
        let value = f64::from(unit + 1);
        pair(3.0, unit >= 20, value, value)
    });
    let pairs: Vec<Pair> = pairs.collect();
    let better: Vec<bool> = pairs.iter().map(|pair| pair.chosen).collect();
    let gates = gates::measure(&pairs, &better, 0.0);
    assert!(gates.hold(), "{gates:?}");
    assert!((gates.spearman - 1.0).abs() < 1e-12);
    assert_eq!((gates.overlap, gates.median_ratio), (1.0, 1.0));
}

#[test]
fn each_metric_counts_a_unit_by_the_number_of_units_it_represents() {
    // The selection contains the second unit instead of the third.
    let pairs = [
        pair(3.0, true, 9.0, 10.0),
        pair(1.0, true, 6.0, 1.0),
        pair(2.0, false, 5.0, 4.0),
        pair(1.0, false, 0.5, 0.5),
    ];
    let gates = gates::measure(&pairs, &[true, false, true, false], 0.2);
    assert_eq!((gates.overlap, gates.regret), (0.75, 0.2));
    // Ratios 0.9, 6, 1.25 and 1 with weights 3, 1, 2 and 1: in ascending order, half of the weight is reached at 1.
    assert_eq!(gates.median_ratio, 1.0);
    // The same units, repeated instead of weighted.
    let repeated = pairs.iter().flat_map(|pair| {
        let one = Pair {
            weight: 1.0,
            ..*pair
        };
        std::iter::repeat_n(one, pair.weight as usize)
    });
    let repeated: Vec<Pair> = repeated.collect();
    assert!((gates::spearman(&pairs) - gates::spearman(&repeated)).abs() < 1e-12);
    assert!(!gates.hold());
}

fn group(width: usize) -> UnitGroup {
    UnitGroup {
        name: "neurons".to_owned(),
        kind: UnitKind::Neuron,
        width,
        heads: None,
        seat: Seat {
            block: 0,
            channels: Channels::Columns,
            first: 0,
            span: 1,
        },
        slices: Vec::new(),
    }
}

#[test]
fn the_sample_represents_every_unit_of_the_selected_groups() {
    let widths = [700, 12, 900];
    let importance = UnitImportance {
        groups: widths
            .map(|width| {
                (0..width)
                    .map(|unit| f64::from(unit * 7919 % 1009))
                    .collect()
            })
            .to_vec(),
    };
    let groups = widths.map(|width| group(width as usize));
    let kept: Vec<Vec<usize>> = importance
        .groups
        .iter()
        .map(|units| {
            (0..units.len())
                .filter(|&unit| units[unit] > 400.0)
                .collect()
        })
        .collect();
    let masks = Masks::keeping(&groups, &kept);
    let sampled = sample::draw(&importance, &masks, &[true, false, true], 5);
    let weight: f64 = sampled.iter().map(|sampled| sampled.weight).sum();
    assert!((weight - 1600.0).abs() < 1e-9, "{weight}");
    let boundary: Vec<f64> = sampled
        .iter()
        .filter(|sampled| sampled.boundary)
        .map(|sampled| importance.groups[sampled.group][sampled.unit])
        .collect();
    assert_eq!(boundary.len(), 64);
    assert!(boundary.iter().all(|value| (value - 400.0).abs() < 30.0));
    assert!(sampled.iter().all(|sampled| sampled.group != 1));
    let mut indices: Vec<_> = sampled.iter().map(|s| (s.group, s.unit)).collect();
    indices.dedup();
    assert_eq!(indices.len(), sampled.len());
    assert_eq!(
        sampled,
        sample::draw(&importance, &masks, &[true, false, true], 5)
    );
}

#[test]
fn an_audit_compares_sketched_with_exact_scores() {
    let folder = Folder::new(Tiny::default());
    let mut recipe = folder.recipe(0.5);
    let report = audit(&folder.places("out"), &recipe, &NoJournal, &Unwatched).unwrap();
    assert_eq!(report.groups.len(), folder.tiny.layers);
    assert!(report.spearman > 0.9, "{report:?}");
    assert!((report.median_ratio - 1.0).abs() < 0.2, "{report:?}");
    recipe.method.estimator = Estimator::Exact;
    let refused = audit(&folder.places("out"), &recipe, &NoJournal, &Unwatched).unwrap_err();
    assert_eq!(refused.code, Code::InvalidRecipe);
}
