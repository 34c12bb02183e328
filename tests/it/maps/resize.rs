//! Bilinear resizing.

use candle_core::DType;
use optin::model::nn::resize;

use super::golden::cases;
use super::{assert_close, assert_pulls_back, random, values};

#[test]
fn values_and_cotangents_equal_those_of_torch() {
    for case in cases("resize") {
        let &[height, width, tall, wide] = case.numbers.as_slice() else {
            panic!("{:?}", case.numbers)
        };
        let (from, to) = ([height, width], [tall, wide]);
        case.assert_equal(|dtype| {
            let map = case.part("x").to_dtype(dtype).unwrap();
            let traced = resize::traced(&map, from, to).unwrap();
            assert_close(&resize::forward(&map, from, to).unwrap(), &traced.value);
            traced
        });
    }
}

#[test]
fn cotangents_are_pulled_back() {
    for (from, to) in [([4, 7], [8, 14]), ([5, 3], [4, 7]), ([31, 9], [3, 2])] {
        for (rows, channels) in [(1, 1), (3, 17)] {
            let map = random(&[rows, from[0] * from[1], channels], 1);
            let traced = resize::traced(&map, from, to).unwrap();
            assert_pulls_back(&map, &traced, |map| resize::forward(map, from, to).unwrap());
        }
    }
}

/// The weights of a pixel add up to 1, and a result lies between the pixels around it.
#[test]
fn a_ramp_stays_a_ramp() {
    let map = candle_core::Tensor::new(vec![0.0f32, 4.0], &candle_core::Device::Cpu).unwrap();
    let map = map.reshape((1, 2, 1)).unwrap();
    let resized = |to| values(&resize::forward(&map, [1, 2], to).unwrap());
    assert_eq!(resized([1, 4]), [0.0, 1.0, 3.0, 4.0]);
    assert_eq!(resized([2, 4]), [0.0, 1.0, 3.0, 4.0, 0.0, 1.0, 3.0, 4.0]);
    assert_eq!(resized([1, 1]), [2.0]);
}

#[test]
fn the_same_size_changes_nothing() {
    let map = random(&[2, 15, 4], 1);
    let traced = resize::traced(&map, [3, 5], [3, 5]).unwrap();
    assert_eq!(values(&traced.value), values(&map));
    let cotangent = random(&[4, 15, 4], 2);
    let pulled = (traced.pull)(cotangent.clone()).unwrap();
    assert_eq!(values(&pulled), values(&cotangent));
}

#[test]
fn maps_without_channels_are_resized_and_those_without_pixels_are_refused() {
    for dtype in [DType::F32, DType::F64] {
        let nothing = random(&[2, 15, 0], 1).to_dtype(dtype).unwrap();
        let traced = resize::traced(&nothing, [3, 5], [4, 4]).unwrap();
        assert_eq!(traced.value.dims(), [2, 16, 0]);
        let cotangent = random(&[4, 16, 0], 1).to_dtype(dtype).unwrap();
        assert_eq!((traced.pull)(cotangent).unwrap().dims(), [4, 15, 0]);
    }
    assert!(resize::forward(&random(&[2, 0, 3], 1), [0, 5], [4, 4]).is_err());
    assert!(resize::forward(&random(&[2, 15, 3], 1), [5, 5], [4, 4]).is_err());
}
