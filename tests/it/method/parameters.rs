//! The number of weights of a pruned model, as a function of its kept units.

use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::checkpoint::write::{OutTensor, bytes, encode};
use optin::model::cost::{Cost, Curve};
use optin::model::mask::Masks;
use optin::model::unit::{ParamSlice, UnitGroup, UnitKind};
use optin::prune::failure::{Code, Failure};
use optin::prune::surgery::parameters;
use safetensors::Dtype;

use crate::fixture::units::group;

fn weights(tensors: &[(&str, &[usize])]) -> Weights {
    let tensors = tensors.iter().map(|(name, shape)| OutTensor {
        name: (*name).into(),
        dtype: Dtype::F32,
        shape: shape.to_vec(),
        bytes: encode(&vec![0.5; shape.iter().product()], Dtype::F32).into(),
    });
    let tensors: Vec<OutTensor> = tensors.collect();
    Weights::from_bytes(bytes(&tensors).unwrap(), &Limits::default()).unwrap()
}

/// Returns a group whose units own these slices: tensor, dimension, offset, span.
fn owner(name: &str, width: usize, slices: &[(&str, usize, usize, usize)]) -> UnitGroup {
    let mut group = group(name, UnitKind::Neuron, width);
    let slices = slices
        .iter()
        .map(|&(tensor, dim, offset, span)| ParamSlice {
            tensor: tensor.to_owned(),
            dim,
            offset,
            span,
        });
    group.slices = slices.collect();
    group
}

/// Three convolutions: the first has all input channels, the second connects the groups, the third feeds a
/// flattened linear map with four positions per channel.
#[test]
fn a_tensor_with_units_in_two_dimensions_costs_each_pair() {
    let weights = weights(&[
        ("first.weight", &[5, 3, 3, 3]),
        ("first.bias", &[5]),
        ("second.weight", &[7, 5, 3, 3]),
        ("second.bias", &[7]),
        ("last.weight", &[2, 28]),
        ("last.bias", &[2]),
    ]);
    let groups = [
        owner(
            "a",
            5,
            &[
                ("first.weight", 0, 0, 1),
                ("first.bias", 0, 0, 1),
                ("second.weight", 1, 0, 1),
            ],
        ),
        owner(
            "b",
            7,
            &[
                ("second.weight", 0, 0, 1),
                ("second.bias", 0, 0, 1),
                ("last.weight", 1, 0, 4),
            ],
        ),
    ];
    let cost = parameters(&weights, &groups).unwrap();
    let expected = Cost {
        fixed: 2,
        groups: vec![Curve::Linear(27 + 1), Curve::Linear(1 + 8)],
        pairs: vec![9],
        heads: vec![0; 2],
        unread: 0,
    };
    assert_eq!(cost, expected);
    assert_eq!(cost.whole(&groups), weights.parameters());
    // The cost of one more unit depends on the neighbors.
    assert_eq!(cost.per_unit(&groups), [28 + 9 * 7, 9 + 9 * 5]);
    assert_eq!(cost.parts([5, 7]), [5 * 28, 7 * 9 + 9 * 35]);
    for [a, b] in [[5, 7], [2, 7], [3, 1], [0, 4], [5, 0]] {
        let left = 27 * a + a + 9 * a * b + b + 8 * b + 2;
        assert_eq!(cost.of([a, b]), left as u64);
        let kept = [(0..a).collect(), (0..b).collect()];
        let masks = Masks::keeping(&groups, &kept);
        assert_eq!(cost.narrowed(&masks).of([a, b]), left as u64);
    }
}

#[test]
fn every_slice_of_a_fused_tensor_is_counted_once() {
    let weights = weights(&[
        ("qkv.weight", &[26, 8]),
        ("qkv.bias", &[26]),
        ("out.weight", &[8, 8]),
    ]);
    let fused = |tensor| [0, 8, 16].map(|offset| (tensor, 0, offset, 4));
    let slices = [
        &fused("qkv.weight")[..],
        &fused("qkv.bias"),
        &[("out.weight", 1, 0, 4)],
    ]
    .concat();
    let groups = [owner("heads", 2, &slices)];
    let cost = parameters(&weights, &groups).unwrap();
    // Two rows belong to no head.
    assert_eq!(cost, Cost::linear(2 * 8 + 2, [12 * 8 + 12 + 4 * 8]));
    assert_eq!(cost.whole(&groups), weights.parameters());
}

#[test]
fn groups_that_are_declared_incorrectly_are_refused() {
    let weights = weights(&[("w", &[4, 4]), ("cube", &[2, 2, 2])]);
    let refused = |groups: &[UnitGroup]| -> Failure {
        let failure = parameters(&weights, groups).unwrap_err();
        assert_eq!(failure.code, Code::Internal);
        failure
    };
    let (rows, columns) = (
        owner("rows", 4, &[("w", 0, 0, 1)]),
        owner("columns", 4, &[("w", 1, 0, 1)]),
    );
    let between = owner("between", 1, &[]);
    let failure = refused(&[rows.clone(), between, columns]);
    for part in ["rows", "columns"] {
        assert!(failure.detail.contains(part), "{}", failure.detail);
    }
    refused(&[owner("both", 4, &[("w", 0, 0, 1), ("w", 1, 0, 1)])]);
    refused(&[owner("large", 4, &[("w", 0, 0, 2)])]);
    refused(&[owner("twice", 4, &[("w", 0, 0, 1), ("w", 0, 0, 1)])]);
    refused(&[owner("missing", 4, &[("w", 2, 0, 1)])]);
    refused(&[
        owner("a", 2, &[("cube", 0, 0, 1)]),
        owner("b", 2, &[("cube", 1, 0, 1)]),
        owner("c", 2, &[("cube", 2, 0, 1)]),
    ]);
    assert!(parameters(&weights, &[rows]).is_ok());
}
