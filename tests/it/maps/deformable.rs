//! The sum of deformable attention.

use candle_core::{DType, Device, Tensor};
use optin::model::nn::deformable::{Parts, Sampling};
use optin::model::nn::kernel::Path;
use optin::model::nn::kernel::deformable as kernel;
use optin::model::nn::kernel::sampling::{Grid, plan};
use optin::model::nn::traced::Traced;
use optin::model::nn::{meter, softmax};

use super::golden::cases;
use super::{assert_close, assert_pulls_back, random, values};

const SIZES: &[[usize; 2]] = &[[2, 3], [1, 4], [5, 6]];
const POINTS: usize = 2;

/// Returns offsets and weights for each position of the levels.
fn points(rows: usize, heads: usize) -> [Tensor; 2] {
    let positions = SIZES.iter().map(|size| size[0] * size[1]).sum();
    let each = heads * SIZES.len() * POINTS;
    let offsets = (random(&[rows, positions, 2 * each], 2) * 4.0).unwrap();
    let weights = random(&[rows, positions, each], 3);
    let weights = softmax::of_groups(&weights, SIZES.len() * POINTS).unwrap();
    [offsets, weights]
}

fn sampling([offsets, weights]: &[Tensor; 2], heads: usize) -> Sampling {
    Sampling::new(SIZES, heads, POINTS, offsets, weights).unwrap()
}

/// Returns the pullback to the values alone.
fn of_values(traced: Traced<Tensor, Parts>) -> Traced {
    let Traced { value, pull } = traced;
    Traced {
        value,
        pull: Box::new(move |cotangent| Ok(pull(cotangent)?.values)),
    }
}

#[test]
fn values_and_cotangents_equal_those_of_torch() {
    for case in cases("deformable") {
        let [heads, points] = case.numbers[..].try_into().unwrap();
        let sizes = case.part("sizes").to_vec2::<i64>().unwrap();
        let sizes: Vec<[usize; 2]> = sizes
            .iter()
            .map(|size| [size[0] as usize, size[1] as usize])
            .collect();
        case.assert_equal(|dtype| {
            let [offsets, weights, map] =
                ["offsets", "weights", "x"].map(|name| case.part(name).to_dtype(dtype).unwrap());
            let sampling = Sampling::new(&sizes, heads, points, &offsets, &weights).unwrap();
            let value = sampling.forward(&map).unwrap();
            let traced = sampling.traced(&map).unwrap();
            assert_close(&value, &traced.value);
            let cotangent = case.part("c").to_dtype(dtype).unwrap();
            let twice = (&cotangent * -2.0).unwrap();
            let twice = Tensor::cat(&[&cotangent, &twice], 0).unwrap();
            let pulled = (traced.pull)(twice).unwrap();
            // The derivatives are computed in f32, whatever the type.
            for (part, found) in [("do", pulled.offsets), ("dw", pulled.weights)] {
                assert_eq!(found.dtype(), dtype);
                let halves = found.chunk(2, 0).unwrap();
                case.assert_part(part, &halves[0], 1e-5);
                case.assert_part(part, &(&halves[1] * -0.5).unwrap(), 1e-5);
            }
            of_values(traced)
        });
    }
}

/// Pruned heads have any number of channels.
#[test]
fn cotangents_are_pulled_back_for_all_widths() {
    for (rows, heads) in [(1, 1), (3, 2)] {
        let both = points(rows, heads);
        let wide = both
            .each_ref()
            .map(|part| part.to_dtype(DType::F64).unwrap());
        for width in [1, 3, 5, 12, 16, 31] {
            let map = random(&[rows, both[1].dim(1).unwrap(), heads * width], 1);
            let sampling = |both: &[Tensor; 2]| sampling(both, heads);
            let traced = of_values(sampling(&both).traced(&map).unwrap());
            let forward = sampling(&both);
            assert_pulls_back(&map, &traced, |map| forward.forward(map).unwrap());
            let plain = sampling(&wide).traced(&map.to_dtype(DType::F64).unwrap());
            let plain = of_values(plain.unwrap());
            assert_close(&traced.value, &plain.value);
            let cotangent = Tensor::cat(&[&map, &map, &map], 0).unwrap();
            let back = (plain.pull)(cotangent.to_dtype(DType::F64).unwrap()).unwrap();
            assert_close(&(traced.pull)(cotangent).unwrap(), &back);
        }
    }
}

/// Many queries are located in several pieces, and a point far away reads zeros.
#[test]
fn an_offset_of_zero_reads_the_center_and_a_large_one_nothing() {
    let sizes = [[9, 13]];
    let map = random(&[2, 117, 4], 1);
    let weights = Tensor::ones((2, 117, 2), DType::F32, &Device::Cpu).unwrap();
    let read = |offset: f32| {
        let offsets = Tensor::full(offset, (2, 117, 4), &Device::Cpu).unwrap();
        let sampling = Sampling::new(&sizes, 2, 1, &offsets, &weights).unwrap();
        sampling.forward(&map).unwrap()
    };
    assert_close(&read(0.0), &map);
    for far in [13.0, -13.0, 1e9, f32::NEG_INFINITY] {
        assert!(
            values(&read(far)).iter().all(|&value| value == 0.0),
            "{far}"
        );
    }
    assert!(values(&read(f32::NAN)).iter().all(|value| value.is_nan()));
}

#[test]
fn heads_without_channels_and_no_heads_give_empty_results() {
    for dtype in [DType::F32, DType::F64] {
        for heads in [0, 2] {
            let both = points(2, heads).map(|part| part.to_dtype(dtype).unwrap());
            let positions = both[1].dim(1).unwrap();
            let nothing = random(&[2, positions, 0], 1).to_dtype(dtype).unwrap();
            let traced = sampling(&both, heads).traced(&nothing).unwrap();
            assert_eq!(traced.value.dims(), [2, positions, 0]);
            let cotangent = random(&[6, positions, 0], 1).to_dtype(dtype).unwrap();
            let pulled = (traced.pull)(cotangent).unwrap();
            assert_eq!(pulled.values.dims(), [6, positions, 0]);
            let numbers = heads * SIZES.len() * POINTS;
            assert_eq!(pulled.weights.dims(), [6, positions, numbers]);
            assert_eq!(pulled.offsets.dims(), [6, positions, 2 * numbers]);
        }
    }
}

#[test]
fn each_point_counts_four_products_per_channel() {
    let both = points(2, 3);
    let positions = both[1].dim(1).unwrap();
    let map = random(&[2, positions, 3 * 5], 1);
    let (traced, macs) = meter::measure(|| sampling(&both, 3).traced(&map).unwrap());
    let expected = (2 * positions * 3 * SIZES.len() * POINTS * 4 * 5) as u64;
    assert_eq!(macs, expected);
    let copies = Tensor::cat(&[&map, &map], 0).unwrap();
    // Both copies are pulled back to the values, and to the points.
    let (_, macs) = meter::measure(|| (traced.pull)(copies).unwrap());
    assert_eq!(macs, 2 * 2 * expected);
}

#[test]
fn shapes_that_do_not_match_are_refused() {
    let [offsets, weights] = points(2, 3);
    let new = |sizes: &[[usize; 2]], heads, points, offsets: &Tensor| {
        Sampling::new(sizes, heads, points, offsets, &weights)
    };
    assert!(new(SIZES, 2, POINTS, &offsets).is_err());
    assert!(new(SIZES, 3, 1, &offsets).is_err());
    assert!(new(SIZES, 3, POINTS, &weights).is_err());
    assert!(new(&[[2, 3], [1, 4], [5, 5]], 3, POINTS, &offsets).is_err());
    assert!(new(&[[2, 3], [1, 4], [0, 30]], 3, POINTS, &offsets).is_err());
    let sampling = new(SIZES, 3, POINTS, &offsets).unwrap();
    let positions = weights.dim(1).unwrap();
    for shape in [[2, positions, 7], [4, positions, 6], [2, positions - 1, 6]] {
        assert!(sampling.forward(&random(&shape, 1)).is_err(), "{shape:?}");
    }
}

#[test]
fn the_fastest_and_the_portable_path_give_identical_results() {
    let both = points(2, 3).map(|part| values(&part).iter().map(|&x| x as f32).collect());
    let [offsets, weights]: [Vec<f32>; 2] = both;
    let grid = Grid::new(SIZES, 3, POINTS);
    let channels = 3 * 29;
    let map = random(&[2 * grid.positions() * channels], 1);
    let map = map.to_vec1::<f32>().unwrap();
    let [fast, portable] = [Path::Fastest, Path::Portable].map(|path| {
        let plan = plan(&grid, &offsets, &weights, path);
        let mut results = [vec![0.0; map.len()], vec![0.0; map.len()]];
        let [sums, back] = &mut results;
        kernel::gather(&grid, &plan, &map, sums, channels, path);
        kernel::scatter(&grid, &plan, &map, back, channels, path);
        results
    });
    assert_eq!(fast, portable);
}
