//! Softmax over groups of channels.

use candle_core::{D, DType};
use optin::model::nn::softmax::of_groups;

use super::{assert_close, random, values};

#[test]
fn each_group_has_its_own_softmax() {
    // Large enough for several threads.
    for (rows, positions, groups, size) in [(1, 1, 1, 1), (2, 7, 3, 5), (3, 400, 4, 12)] {
        let stream = (random(&[rows, positions, groups * size], 1) * 8.0).unwrap();
        let apart = stream.reshape((rows, positions, groups, size)).unwrap();
        let expected = candle_nn::ops::softmax(&apart, D::Minus1).unwrap();
        let expected = expected.flatten_from(2).unwrap();
        let found = of_groups(&stream, size).unwrap();
        assert_close(&found, &expected);
        let wide = of_groups(&stream.to_dtype(DType::F64).unwrap(), size).unwrap();
        assert_eq!(wide.dtype(), DType::F64);
        assert_close(&found, &wide);
        // The kernel must not change its input.
        let again = (random(&[rows, positions, groups * size], 1) * 8.0).unwrap();
        assert_eq!(values(&stream), values(&again));
    }
}

#[test]
fn no_groups_are_supported_and_broken_ones_refused() {
    let nothing = random(&[2, 3, 0], 1);
    assert_eq!(of_groups(&nothing, 12).unwrap().dims(), [2, 3, 0]);
    assert!(of_groups(&random(&[2, 3, 7], 1), 3).is_err());
}
