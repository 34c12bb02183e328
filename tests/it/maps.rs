//! Feature maps: unfolding, convolutions, pooling and other operations against other implementations.

mod deformable;
mod golden;
mod group_norm;
mod resize;
mod sine;
mod softmax;

use candle_core::{DType, Device, Tensor};
use optin::model::nn::activation::Activation;
use optin::model::nn::convolution::Convolution;
use optin::model::nn::kernel::pool::Regions;
use optin::model::nn::kernel::window::Window;
use optin::model::nn::linear::Linear;
use optin::model::nn::pool::{self, Pooling};
use optin::model::nn::traced::Traced;
use optin::model::nn::unfold::{fold, unfold, unfold_at};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const ROWS: usize = 3;
const CHANNELS: usize = 5;

/// Maps and windows: odd and even sizes, strides that leave pixels over, windows larger than the map.
const CASES: &[([usize; 2], Window)] = &[
    ([7, 9], window(3, 1, 1)),
    ([8, 6], window(3, 2, 1)),
    ([9, 9], window(7, 2, 3)),
    ([5, 4], window(1, 2, 0)),
    ([6, 6], window(2, 2, 0)),
    ([2, 3], window(5, 1, 2)),
    ([4, 4], window(4, 1, 0)),
    ([3, 5], Window::PIXEL),
];

const fn window(side: usize, stride: usize, padding: usize) -> Window {
    Window {
        side,
        stride,
        padding,
    }
}

fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let values = (0..shape.iter().product()).map(|_| random.random_range(-1.0f32..1.0));
    Tensor::from_vec(values.collect::<Vec<f32>>(), shape, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_dtype(DType::F64).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(left: &Tensor, right: &Tensor) {
    assert_eq!(left.dims(), right.dims());
    for (left, right) in values(left).iter().zip(values(right)) {
        assert!((left - right).abs() < 1e-5, "{left} {right}");
    }
}

/// Returns `[rows, pixels, channels]` as candle's `[rows, channels, height, width]`.
fn planes(map: &Tensor, [height, width]: [usize; 2]) -> Tensor {
    let (rows, _, channels) = map.dims3().unwrap();
    let map = map.transpose(1, 2).unwrap().contiguous().unwrap();
    map.reshape((rows, channels, height, width)).unwrap()
}

/// Returns candle's `[rows, channels, height, width]` as `[rows, pixels, channels]`.
fn pixels(planes: &Tensor) -> Tensor {
    let map = planes.flatten_from(2).unwrap();
    map.transpose(1, 2).unwrap().contiguous().unwrap()
}

fn map_of(size: [usize; 2]) -> Tensor {
    random(&[ROWS, size[0] * size[1], CHANNELS], 1)
}

#[test]
fn an_unfolded_map_times_the_weight_is_a_convolution() {
    for &(size, window) in CASES {
        let (map, outputs) = (map_of(size), 4);
        let weight = random(&[outputs, CHANNELS, window.side, window.side], 2);
        let bias = random(&[outputs], 3);
        let expected = planes(&map, size);
        let expected = expected.conv2d(&weight, window.padding, window.stride, 1, 1);
        let expected = pixels(&expected.unwrap()).broadcast_add(&bias).unwrap();
        let linear = Linear::new(weight.reshape((outputs, ())).unwrap(), bias);
        let unfolded = unfold(&map, size, window).unwrap();
        assert_close(&linear.forward(&unfolded).unwrap(), &expected);
        let convolution = Convolution::new(linear, window).unwrap();
        assert_close(&convolution.forward(&map, size, None).unwrap(), &expected);
        let active = Some(Activation::Relu);
        let active = convolution.forward(&map, size, active).unwrap();
        assert_close(&active, &expected.relu().unwrap());
    }
}

/// One tile of the product holds at least 96 positions. A larger map needs several.
#[test]
fn a_convolution_of_many_positions_is_the_same() {
    let size = [61, 47];
    let map = random(&[2, size[0] * size[1], 40], 1);
    let weight = random(&[3, 40 * 9], 2);
    let linear = Linear::new(weight, None);
    let window = Window::centered(3, 1);
    let unfolded = unfold(&map, size, window).unwrap();
    let expected = linear.forward(&unfolded).unwrap();
    let convolution = Convolution::new(linear, window).unwrap();
    let found = convolution.forward(&map, size, None).unwrap();
    for (found, expected) in values(&found).iter().zip(values(&expected)) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
}

#[test]
fn some_windows_are_those_of_the_whole_map() {
    for &(size, window) in CASES {
        let map = map_of(size);
        let whole = unfold(&map, size, window).unwrap();
        let whole = whole.flatten(0, 1).unwrap();
        let windows = whole.dim(0).unwrap() as u32;
        let places: Vec<u32> = (0..windows).rev().step_by(2).chain([0]).collect();
        let expected = Tensor::new(places.as_slice(), &Device::Cpu).unwrap();
        let expected = whole.index_select(&expected, 0).unwrap();
        let found = unfold_at(&map, size, window, &places).unwrap();
        assert_close(&found, &expected);
        let twice = map.to_dtype(DType::F64).unwrap();
        assert_close(
            &unfold_at(&twice, size, window, &places).unwrap(),
            &expected,
        );
        assert!(unfold_at(&map, size, window, &[windows]).is_err());
    }
}

#[test]
fn folding_is_the_transposed_map_of_unfolding() {
    for &(size, window) in CASES {
        let map = map_of(size);
        let unfolded = unfold(&map, size, window).unwrap();
        let cotangent = random(unfolded.dims(), 4);
        let folded = fold(&cotangent, size, window).unwrap();
        let inner = |left: &Tensor, right: &Tensor| -> f64 {
            let products = values(left).into_iter().zip(values(right));
            products.map(|(left, right)| left * right).sum()
        };
        let (there, back) = (inner(&unfolded, &cotangent), inner(&map, &folded));
        assert!((there - back).abs() < 1e-4, "{there} {back}");
    }
}

/// On devices other than the CPU, and for other types than f32, candle's own operations run.
#[test]
fn both_paths_unfold_and_fold_alike() {
    for &(size, window) in CASES {
        let map = map_of(size);
        let twice = map.to_dtype(DType::F64).unwrap();
        let unfolded = unfold(&map, size, window).unwrap();
        assert_close(&unfolded, &unfold(&twice, size, window).unwrap());
        let cotangent = random(unfolded.dims(), 4);
        let plain = fold(&cotangent.to_dtype(DType::F64).unwrap(), size, window);
        assert_close(&fold(&cotangent, size, window).unwrap(), &plain.unwrap());
    }
}

/// Compares a pullback with the central difference along a random direction, for two copies of the rows.
fn assert_pulls_back(map: &Tensor, traced: &Traced, forward: impl Fn(&Tensor) -> Tensor) {
    assert_close(&traced.value, &forward(map));
    let cotangent = random(traced.value.dims(), 5);
    let twice = Tensor::cat(&[&cotangent, &(&cotangent * 2.0).unwrap()], 0).unwrap();
    let pulled = (traced.pull)(twice).unwrap();
    let pulled = values(&pulled);
    let (first, second) = pulled.split_at(map.elem_count());
    let direction = random(map.dims(), 6);
    let along = |step: f64| {
        let moved = (map + (&direction * step).unwrap()).unwrap();
        let products = values(&forward(&moved)).into_iter().zip(values(&cotangent));
        products.map(|(value, own)| value * own).sum::<f64>()
    };
    let step = 1e-3;
    let expected = (along(step) - along(-step)) / (2.0 * step);
    let inner = |part: &[f64]| -> f64 {
        let products = part.iter().zip(values(&direction));
        products.map(|(value, own)| value * own).sum()
    };
    let found = inner(first);
    assert!(
        (found - expected).abs() < 1e-2 * expected.abs().max(1.0),
        "{found} {expected}"
    );
    assert!((inner(second) - 2.0 * found).abs() < 1e-4 * found.abs().max(1.0));
}

#[test]
fn a_convolution_pulls_cotangents_back() {
    for &(size, window) in CASES {
        for activation in [None, Some(Activation::Gelu)] {
            let weight = random(&[4, CHANNELS * window.pixels()], 2);
            let linear = Linear::new(weight, random(&[4], 3));
            let convolution = Convolution::new(linear, window).unwrap();
            let map = map_of(size);
            let traced = convolution.traced(&map, size, activation).unwrap();
            assert_pulls_back(&map, &traced, |map| {
                convolution.forward(map, size, activation).unwrap()
            });
        }
    }
}

#[test]
fn pooling_equals_that_of_candle() {
    for (size, window) in [([6, 8], window(2, 2, 0)), ([7, 9], window(3, 2, 0))] {
        let map = map_of(size);
        let planes = planes(&map, size);
        let regions = pool::windows(size, window);
        let max = pool::forward(Pooling::Max, &map, size, &regions).unwrap();
        let expected = planes.max_pool2d_with_stride(window.side, window.stride);
        assert_close(&max, &pixels(&expected.unwrap()));
        let mean = pool::forward(Pooling::Mean, &map, size, &regions).unwrap();
        let expected = planes.avg_pool2d_with_stride(window.side, window.stride);
        assert_close(&mean, &pixels(&expected.unwrap()));
    }
}

/// Padding is no pixel: a maximum below zero stays below zero, and a mean divides by the pixels alone.
#[test]
fn padding_belongs_to_no_region() {
    let map = Tensor::new(vec![-4.0f32, -3.0, -2.0, -1.0], &Device::Cpu).unwrap();
    let map = map.reshape((1, 4, 1)).unwrap();
    let regions = pool::windows([2, 2], window(3, 2, 1));
    let pooled = |pooling| values(&pool::forward(pooling, &map, [2, 2], &regions).unwrap());
    assert_eq!(pooled(Pooling::Max), [-1.0]);
    assert_eq!(pooled(Pooling::Mean), [-2.5]);
}

#[test]
fn an_adaptive_mean_covers_the_whole_map() {
    let map = Tensor::arange(0f32, 10.0, &Device::Cpu).unwrap();
    let map = map.reshape((1, 10, 1)).unwrap();
    let pooled = |grid| {
        let regions = pool::adaptive([2, 5], grid);
        values(&pool::forward(Pooling::Mean, &map, [2, 5], &regions).unwrap())
    };
    assert_eq!(pooled([1, 1]), [4.5]);
    // The parts of 5 pixels in 2 overlap: 0..3 and 2..5.
    assert_eq!(pooled([2, 2]), [1.0, 3.0, 6.0, 8.0]);
    // A grid that is larger than the map repeats pixels.
    assert_eq!(
        pooled([4, 5])[..10],
        [0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 1.0, 2.0, 3.0, 4.0]
    );
}

#[test]
fn pooling_pulls_cotangents_back() {
    let cases: Vec<([usize; 2], Regions)> = vec![
        ([6, 8], pool::windows([6, 8], window(3, 2, 1))),
        ([5, 5], pool::windows([5, 5], window(2, 2, 0))),
        ([5, 7], pool::adaptive([5, 7], [2, 3])),
        ([5, 7], pool::squares([5, 7], 2)),
        ([4, 4], pool::adaptive([4, 4], [1, 1])),
    ];
    for (size, regions) in cases {
        for pooling in [Pooling::Mean, Pooling::Max] {
            let map = map_of(size);
            let traced = pool::traced(pooling, &map, size, regions.clone()).unwrap();
            assert_pulls_back(&map, &traced, |map| {
                pool::forward(pooling, map, size, &regions).unwrap()
            });
            let twice = map.to_dtype(DType::F64).unwrap();
            let plain = pool::traced(pooling, &twice, size, regions.clone()).unwrap();
            assert_close(&plain.value, &traced.value);
            let cotangent = random(&[2 * ROWS, regions.len(), CHANNELS], 7);
            let plain = (plain.pull)(cotangent.to_dtype(DType::F64).unwrap());
            assert_close(&plain.unwrap(), &(traced.pull)(cotangent).unwrap());
        }
    }
}
