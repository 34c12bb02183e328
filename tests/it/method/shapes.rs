//! The shapes of groups in the latency table.

use optin::model::chain::Model;
use optin::prune::search::latency::shapes;
use safetensors::Dtype;

use crate::fixture::scratch::Scratch;

/// Opens a model whose groups of single columns have `widths` units each, one number per stage.
fn open(widths: [usize; 2]) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let scratch = Scratch {
        heads: vec![3, 3],
        gates: widths.into(),
        inner: widths.into(),
        outer: widths.into(),
    };
    scratch.write(folder.path(), Dtype::F32);
    Scratch::open(folder.path()).1
}

/// Returns the shapes of a model in the latency table, for rows of `length` positions.
fn shapes_at(model: &Model, length: usize) -> Vec<Vec<usize>> {
    shapes(model, &Scratch::batch(8, length, 1).extent())
}

#[test]
fn groups_share_a_shape_of_the_latency_table_only_if_they_cost_the_same() {
    let model = open([18, 18]);
    // The average of one position is one position, so both stages execute the same operations. Gates, inner and outer
    // channels have the same width, but a gate costs more, and the blocks of inner and outer channels do different work.
    let each = model
        .cost(&Scratch::batch(8, 1, 1).extent())
        .per_unit(&model.groups);
    assert_ne!(each[1], each[2]);
    assert_eq!(each[2], each[3]);
    assert_eq!(
        shapes_at(&model, 1),
        [vec![0, 4], vec![1, 5], vec![2, 6], vec![3, 7]]
    );
    // The second stage has half of the positions.
    let alone: Vec<Vec<usize>> = (0..8).map(|group| vec![group]).collect();
    assert_eq!(shapes_at(&model, 8), alone);
}

#[test]
fn groups_of_different_widths_have_different_shapes_in_the_latency_table() {
    let model = open([18, 12]);
    let mut expected: Vec<Vec<usize>> = vec![vec![0, 4]];
    expected.extend([1, 2, 3, 5, 6, 7].map(|group| vec![group]));
    assert_eq!(shapes_at(&model, 1), expected);
}

#[test]
fn groups_without_units_have_no_shape_in_the_latency_table() {
    assert_eq!(
        shapes_at(&open([18, 0]), 1),
        [vec![0, 4], vec![1], vec![2], vec![3]]
    );
}
