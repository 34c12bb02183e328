//! Tests of the rotation of attention heads, and of models whose heads lose channels.

use faer::Mat;
use optin::model::chain::Model;
use optin::model::mask::Masks;
use optin::model::unit::{InHeads, UnitKind};
use optin::prune::journal::{FolderJournal, NoJournal};
use optin::prune::prepare::Prepared;
use optin::prune::recipe::{Recipe, Units};
use optin::prune::repairs::Repairs;
use optin::prune::report::BeforeAfter;
use optin::prune::rotate::basis::{Basis, queries_and_keys, values};
use optin::prune::rotate::rotate;
use optin::prune::run;
use optin::prune::surgery;
use optin::prune::watch::Unwatched;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::fixture::bert::Tiny;
use crate::fixture::difference::relative_difference;
use crate::fixture::folder::Folder;

fn recipe(folder: &Folder) -> Recipe {
    let mut recipe = folder.recipe(0.5);
    recipe.method.units = Units::Dimensions;
    recipe
}

fn prepared(folder: &Folder) -> Prepared {
    Prepared::read(&folder.places("unused"), &recipe(folder)).unwrap()
}

/// Returns `count` random rows with `width` numbers, in which the last numbers depend on the first ones.
fn rows(count: usize, width: usize, seed: u64) -> Mat<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = Mat::zeros(count, width);
    for row in 0..count {
        for column in 0..width {
            let before = if column > 1 {
                rows[(row, column - 2)]
            } else {
                0.0
            };
            rows[(row, column)] = 2.0 * before + random.random_range(-1.0..1.0);
        }
    }
    rows
}

fn moment(rows: &Mat<f64>) -> Mat<f64> {
    let sums = rows.transpose() * rows;
    Mat::from_fn(sums.nrows(), sums.ncols(), |row, column| {
        sums[(row, column)] / rows.nrows() as f64
    })
}

fn assert_close(left: &Mat<f64>, right: &Mat<f64>, tolerance: f64) {
    for row in 0..left.nrows() {
        for column in 0..left.ncols() {
            let (left, right) = (left[(row, column)], right[(row, column)]);
            assert!((left - right).abs() <= tolerance, "{left} and {right}");
        }
    }
}

fn assert_inverse(basis: &Basis) {
    let width = basis.left.nrows();
    let identity = Mat::from_fn(width, width, |row, column| f64::from(row == column));
    assert_close(&(&basis.right * basis.left.transpose()), &identity, 1e-9);
}

#[test]
fn rotated_values_are_uncorrelated_and_ordered_by_their_contribution() {
    let contexts = rows(500, 6, 1);
    let weight = rows(9, 6, 2);
    let columns: Vec<Vec<f32>> = (0..9)
        .map(|row| (0..6).map(|column| weight[(row, column)] as f32).collect())
        .collect();
    let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let basis = values(&moment(&contexts), &columns).unwrap();
    assert_inverse(&basis);
    let identity = Mat::from_fn(6, 6, |row, column| f64::from(row == column));
    assert_close(&moment(&(&contexts * &basis.left)), &identity, 1e-9);
    // Uncorrelated contributions are orthogonal columns of the projection.
    let turned = &weight * &basis.right;
    let products = turned.transpose() * &turned;
    for channel in 1..6 {
        assert!(products[(channel, channel)] <= products[(channel - 1, channel - 1)]);
        assert!(products[(channel, channel - 1)].abs() < 1e-3 * products[(0, 0)]);
    }
}

#[test]
fn rotated_queries_and_keys_have_the_same_moments() {
    let [queries, keys] = [rows(500, 5, 3), rows(700, 5, 4)];
    let basis = queries_and_keys(&moment(&queries), &moment(&keys)).unwrap();
    assert_inverse(&basis);
    let of_queries = moment(&(&queries * &basis.left));
    let of_keys = moment(&(&keys * &basis.right));
    assert_close(&of_queries, &of_keys, 1e-6 * of_queries[(0, 0)]);
    for channel in 1..5 {
        assert!(of_queries[(channel, channel)] <= of_queries[(channel - 1, channel - 1)]);
        assert!(of_queries[(channel, channel - 1)].abs() < 1e-6 * of_queries[(0, 0)]);
    }
}

/// A head without any variance, such as one whose weights are zero, must not fail.
#[test]
fn a_head_without_variance_is_rotated() {
    let zeros = Mat::<f64>::zeros(3, 3);
    let columns = [[0.0f32; 3]; 2];
    let columns: Vec<&[f32]> = columns.iter().map(<[f32; 3]>::as_slice).collect();
    assert_inverse(&values(&zeros, &columns).unwrap());
    let basis = queries_and_keys(&zeros, &zeros).unwrap();
    let all = (0..9).map(|at| basis.left[(at / 3, at % 3)]);
    assert!(all.into_iter().all(f64::is_finite));
}

#[test]
fn the_rotation_leaves_the_answers() {
    let folder = Folder::new(Tiny::default());
    let whole = prepared(&folder);
    let rotated = rotate(prepared(&folder), &NoJournal, &Unwatched).unwrap();
    assert_ne!(whole.weights.sha256(), rotated.weights.sha256());
    assert_eq!(whole.inputs(), rotated.inputs());
    for length in [1, 9, 24] {
        let batch = folder.tiny.batch(4, length, 5);
        let [before, after] = [&whole.model, &rotated.model].map(|model| {
            let full = Masks::full(&model.groups);
            model.forward(&batch, &full).unwrap().stream
        });
        let difference = relative_difference(&before, &after);
        assert!(difference <= 5e-6, "{length} positions: {difference:e}");
    }
}

#[test]
fn the_rotation_is_computed_once_for_each_stage_cache() {
    let folder = Folder::new(Tiny::default());
    let cache = folder.root.path().join("journal");
    let journal = FolderJournal::open(&cache).unwrap();
    let digests = [(), ()].map(|()| {
        let rotated = rotate(prepared(&folder), &journal, &Unwatched).unwrap();
        rotated.weights.sha256().to_owned()
    });
    assert_eq!(digests[0], digests[1]);
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1);
    // Heads as units are not rotated.
    let mut recipe = recipe(&folder);
    recipe.method.units = Units::Heads;
    let whole = Prepared::read(&folder.places("unused"), &recipe).unwrap();
    let digest = whole.weights.sha256().to_owned();
    let same = rotate(whole, &NoJournal, &Unwatched).unwrap();
    assert_eq!(same.weights.sha256(), digest);
}

/// Returns masks that keep some heads of each layer, and these numbers of values and queries of each of them.
fn thin(model: &Model, heads: usize, values: usize, queries: usize) -> Masks {
    let kept = model.groups.iter().map(|group| match &group.heads {
        None => (0..group.width).collect(),
        Some(InHeads { count, .. }) => {
            let each = group.width / count;
            let kept = match group.kind {
                UnitKind::Value => values,
                _ => queries,
            };
            let units = |head: usize| head * each..head * each + kept;
            (0..heads).flat_map(units).collect()
        }
    });
    Masks::keeping(&model.groups, &kept.collect::<Vec<Vec<usize>>>())
}

#[test]
fn heads_may_keep_one_channel_or_no_queries() {
    let folder = Folder::new(Tiny::default());
    let prepared = rotate(prepared(&folder), &NoJournal, &Unwatched).unwrap();
    let repairs = Repairs::none(prepared.model.blocks.len());
    for (heads, values, queries) in [(4, 1, 1), (1, 1, 1), (3, 6, 0), (1, 5, 2), (0, 0, 0)] {
        let masks = thin(&prepared.model, heads, values, queries);
        let (_, config, cut) = surgery::open(&prepared, &masks, &repairs).unwrap();
        assert_eq!(config.map()["heads_per_layer"][0], heads);
        assert_eq!(config.map()["value_size_per_layer"][0], values);
        assert_eq!(config.map()["query_size_per_layer"][0], queries);
        for length in [1, 11] {
            let batch = folder.tiny.batch(3, length, 8);
            let masked = prepared.model.forward(&batch, &masks).unwrap().stream;
            let full = Masks::full(&cut.groups);
            let small = cut.forward(&batch, &full).unwrap().stream;
            let difference = relative_difference(&masked, &small);
            assert!(difference <= 1e-5, "{heads} heads: {difference:e}");
        }
    }
}

#[test]
fn the_report_counts_the_heads_that_hold_the_units() {
    let folder = Folder::new(Tiny::default());
    let report = run(
        &folder.places("out"),
        &recipe(&folder),
        &NoJournal,
        &Unwatched,
    )
    .unwrap();
    let config = std::fs::read(folder.root.path().join("out/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    let before = folder.tiny.heads;
    let mut layers = [0, 0];
    for group in &report.groups {
        let (layer, key) = match group.kind.as_str() {
            "value" => (&mut layers[0], "value_size_per_layer"),
            "query" => (&mut layers[1], "query_size_per_layer"),
            _ => {
                assert_eq!(group.heads, None);
                continue;
            }
        };
        let after = config["heads_per_layer"][*layer].as_u64().unwrap() as usize;
        let each = config[key][*layer].as_u64().unwrap() as usize;
        assert_eq!(group.heads, Some(BeforeAfter { before, after }));
        assert_eq!(group.kept, after * each, "{}", group.group);
        *layer += 1;
    }
    assert_eq!(layers, [folder.tiny.layers; 2]);
}
