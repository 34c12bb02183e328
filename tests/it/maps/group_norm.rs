//! Group normalization.

use candle_core::{DType, Tensor};
use optin::model::extent::Extent;
use optin::model::hidden::{Hidden, Layout};
use optin::model::layer::Layer;
use optin::model::nn::group_norm::GroupNorm;
use optin::model::nn::kernel::Path;
use optin::model::nn::kernel::group_norm::{self as kernel, Norm};
use optin::model::width::Widths;

use super::golden::cases;
use super::{assert_close, assert_pulls_back, random, values};

fn norm(channels: usize, groups: usize) -> GroupNorm {
    let [weight, bias] = [1, 2].map(|seed| random(&[channels], seed));
    GroupNorm::new(weight, bias, groups, 1e-5).unwrap()
}

#[test]
fn values_and_cotangents_equal_those_of_torch() {
    for case in cases("group_norm") {
        case.assert_equal(|dtype| {
            let [weight, bias, map] =
                ["weight", "bias", "x"].map(|name| case.part(name).to_dtype(dtype).unwrap());
            let norm = GroupNorm::new(weight, bias, case.numbers[0], 1e-5).unwrap();
            let traced = norm.traced(&map).unwrap();
            assert_close(&norm.forward(&map).unwrap(), &traced.value);
            traced
        });
    }
}

/// A row of many positions is read in several blocks. The last one is smaller.
#[test]
fn large_maps_with_a_large_mean_are_precise() {
    let (positions, channels) = (1031, 24);
    let map = (random(&[2, positions, channels], 3) + 300.0).unwrap();
    let wide = map.to_dtype(DType::F64).unwrap();
    let [weight, bias] = [1, 2].map(|seed| random(&[channels], seed).to_dtype(DType::F64).unwrap());
    let plain = GroupNorm::new(weight, bias, 3, 1e-5).unwrap();
    let plain = plain.traced(&wide).unwrap();
    let traced = norm(channels, 3).traced(&map).unwrap();
    // The inputs themselves are rounded to 3e-5 of the deviation.
    let close = |left: &Tensor, right: &Tensor, tolerance: f64| {
        for (left, right) in values(left).iter().zip(values(right)) {
            assert!((left - right).abs() <= tolerance, "{left} {right}");
        }
    };
    close(&traced.value, &plain.value, 4e-5);
    let cotangent = random(&[4, positions, channels], 4);
    let wide = (plain.pull)(cotangent.to_dtype(DType::F64).unwrap()).unwrap();
    close(&(traced.pull)(cotangent).unwrap(), &wide, 4e-5);
}

#[test]
fn cotangents_are_pulled_back() {
    for (rows, positions, channels, groups) in [(1, 1, 6, 2), (3, 11, 5, 1), (2, 300, 34, 17)] {
        let norm = norm(channels, groups);
        let map = random(&[rows, positions, channels], 3);
        let traced = norm.traced(&map).unwrap();
        assert_pulls_back(&map, &traced, |map| norm.forward(map).unwrap());
    }
}

/// Groups are normalized alone, so a norm without some of them computes the same as before for the others.
#[test]
fn whole_groups_can_be_removed() {
    let (size, map) = (3, random(&[2, 7, 12], 3));
    let whole = norm(12, 4).forward(&map).unwrap();
    let kept = |tensor: &Tensor, groups: &[usize]| {
        let last = tensor.rank() - 1;
        let parts = groups
            .iter()
            .map(|group| tensor.narrow(last, group * size, size).unwrap());
        Tensor::cat(&parts.collect::<Vec<_>>(), last).unwrap()
    };
    let groups = [0, 3];
    let [weight, bias] = [1, 2].map(|seed| kept(&random(&[12], seed), &groups));
    let cut = GroupNorm::new(weight, bias, groups.len(), 1e-5).unwrap();
    let cut = cut.forward(&kept(&map, &groups)).unwrap();
    assert_eq!(values(&cut), values(&kept(&whole, &groups)));
    for dtype in [DType::F32, DType::F64] {
        let nothing = random(&[2, 7, 0], 1).to_dtype(dtype).unwrap();
        let none = random(&[0], 1).to_dtype(dtype).unwrap();
        let norm = GroupNorm::new(none.clone(), none, 0, 1e-5).unwrap();
        assert_eq!(norm.forward(&nothing).unwrap().dims(), [2, 7, 0]);
        let traced = norm.traced(&nothing).unwrap();
        let cotangent = random(&[6, 7, 0], 1).to_dtype(dtype).unwrap();
        assert_eq!((traced.pull)(cotangent).unwrap().dims(), [6, 7, 0]);
    }
}

#[test]
fn other_numbers_of_channels_are_refused() {
    let [weight, bias] = [random(&[6], 1), random(&[6], 2)];
    for groups in [0, 4, 12] {
        assert!(GroupNorm::new(weight.clone(), bias.clone(), groups, 1e-5).is_err());
    }
    assert!(GroupNorm::new(weight, random(&[3], 2), 3, 1e-5).is_err());
    assert!(norm(6, 3).forward(&random(&[2, 5, 3], 1)).is_err());
    assert!(norm(6, 3).traced(&random(&[2, 5, 12], 1)).is_err());
}

#[test]
fn the_layer_normalizes_the_stream() {
    let layout = Layout::Map {
        height: 3,
        width: 5,
        lead: 0,
    };
    let norm = norm(8, 2);
    let map = random(&[2, 15, 8], 3);
    let layer: &dyn Layer = &norm;
    let hidden = Hidden::new(map.clone(), layout);
    let expected = norm.forward(&map).unwrap();
    let found = layer.forward(&hidden).unwrap();
    assert_eq!(values(&found.stream), values(&expected));
    assert_eq!(found.layout, layout);
    let traced = layer.traced(&hidden).unwrap();
    assert_eq!(values(&traced.value.stream), values(&expected));
    let work = layer.work(&Extent::of([(layout, 15)]), &Widths::new(&[]));
    assert_eq!((work.written, work.remembered), (120.0, 240.0));
}

#[test]
fn the_fastest_and_the_portable_path_give_identical_results() {
    let (channels, row) = (34, 34 * 151);
    let numbers = |count: usize, seed: u64| random(&[count], seed).to_vec1::<f32>().unwrap();
    let (map, weight, bias) = (
        numbers(2 * row, 1),
        numbers(channels, 2),
        numbers(channels, 3),
    );
    let norm = Norm {
        weight: &weight,
        bias: &bias,
        groups: 2,
        epsilon: 1e-5,
    };
    let [fast, portable] = [Path::Fastest, Path::Portable].map(|path| {
        let mut out = vec![0.0; map.len()];
        kernel::normalise(&map, &mut out, row, norm, path);
        let moments = kernel::moments(&map, row, norm, path);
        let mut cotangent = numbers(4 * row, 4);
        kernel::pull(&mut cotangent, &map, &moments, row, norm, path);
        (out, moments, cotangent)
    });
    assert_eq!(fast, portable);
}
