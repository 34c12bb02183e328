//! The fused kernels, compared with candle operations and with f64, also for odd and empty shapes.

use candle_core::cpu::erf::erf_f64;
use candle_core::{D, DType, Device, Tensor};
use optin::model::nn::activation::Activation;
use optin::model::nn::attention::{Heads, attend, attend_plainly, attend_with};
use optin::model::nn::attention_back;
use optin::model::nn::bias::Bias;
use optin::model::nn::elementwise;
use optin::model::nn::kernel::{Path, elementary, epilogue, norm, softmax};
use optin::model::nn::layer_norm::LayerNorm;
use optin::model::nn::linear::Linear;
use optin::model::nn::traced::Traced;
use optin::model::nn::units::mask_derivative;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Widths near the width of a register, and much larger ones.
const WIDTHS: [usize; 6] = [1, 15, 16, 33, 96, 384];

pub fn random(count: usize, seed: u64, size: f32) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| random.random_range(-size..size))
        .collect()
}

pub fn tensor(shape: &[usize], seed: u64, size: f32) -> Tensor {
    let count = shape.iter().product();
    Tensor::from_vec(random(count, seed, size), shape, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Returns the largest difference, relative to the largest value.
fn difference(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    let largest = right
        .iter()
        .fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
    let differences = left.iter().zip(right).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max) / largest
}

#[test]
fn elementary_functions_equal_those_in_f64() {
    for step in -20_000..=20_000 {
        let x = step as f32 * 5e-4;
        let wide = f64::from(x);
        let (below, density) = elementary::normal(x);
        let exact = 0.5 * (1.0 + erf_f64(wide / std::f64::consts::SQRT_2));
        assert!((f64::from(below) - exact).abs() < 2e-7, "P(X <= {x})");
        let bell = (-0.5 * wide * wide).exp() / (2.0 * std::f64::consts::PI).sqrt();
        assert!((f64::from(density) - bell).abs() < 1e-7, "density at {x}");
        let power = f64::from(elementary::exp(8.0 * x));
        assert!(
            (power / (8.0 * wide).exp() - 1.0).abs() < 4e-7,
            "exp of 8 * {x}"
        );
        let share = f64::from(elementary::logistic(x)) * (1.0 + (-wide).exp());
        assert!((share - 1.0).abs() < 5e-7, "logistic({x})");
        let (share, slope) = elementary::logistic_and_slope(x);
        let exact = 1.0 / (1.0 + (-wide).exp());
        assert!(
            (f64::from(share) / exact - 1.0).abs() < 5e-7,
            "logistic({x})"
        );
        // 1 - logistic(x) = logistic(-x) = 1 / (1 + e^x), without cancellation.
        let exact = exact / (1.0 + wide.exp());
        assert!(
            (f64::from(slope) / exact - 1.0).abs() < 8e-7,
            "slope of the logistic function at {x}"
        );
        for small in [x, x * 1e-3, x * 1e-10] {
            let exact = f64::from(small).tanh();
            let error = f64::from(elementary::tanh(small)) - exact;
            assert!(error.abs() <= 4e-7 * exact.abs(), "tanh({small})");
        }
        let part = (step + 20_001) as f32 / 40_001.0;
        let exact = f64::from(part).ln_1p() / f64::from(part);
        let ours = f64::from(elementary::ln_one_plus_over(part));
        assert!((ours / exact - 1.0).abs() < 3e-7, "ln(1 + {part}) / {part}");
    }
    assert_eq!(elementary::ln_one_plus_over(0.0), 1.0);
    assert_eq!(elementary::tanh(-1e18), -1.0);
    assert!(elementary::tanh(f32::NAN).is_nan());
    assert_eq!(elementary::exp(-1e30), 0.0);
    assert!(elementary::exp(f32::NAN).is_nan());
    assert!(elementary::normal(f32::NAN).0.is_nan());
}

/// So every machine computes the same bits.
#[test]
fn the_fastest_and_the_portable_path_give_identical_results() {
    for width in WIDTHS {
        let input = random(7 * width, 1, 6.0);
        let bias = random(width, 2, 1.0);
        let both = |run: &dyn Fn(&mut [f32], Path)| {
            let (mut fast, mut portable) = (input.clone(), input.clone());
            run(&mut fast, Path::Fastest);
            run(&mut portable, Path::Portable);
            assert_eq!(fast, portable, "width {width}");
        };
        both(&|values, path| epilogue::add_bias(values, &bias, None, path));
        for &activation in Activation::ALL {
            both(&|values, path| epilogue::add_bias(values, &bias, Some(activation), path));
            both(&|values, path| {
                epilogue::add_bias_and_differentiate(values, &bias, activation, path);
            });
        }
        both(&|values, path| softmax::softmax(values, width, 0.3, path));
        both(&|values, path| softmax::pull(values, &input, width, 0.3, path));
        let addends = norm::Addends {
            bias: &bias,
            residual: &input,
        };
        let norm = norm::Norm {
            weight: &bias,
            bias: &bias,
            epsilon: 1e-12,
        };
        both(&|values, path| norm::normalise(values, Some(addends), norm, path));
        both(&|values, path| {
            norm::standardise(values, width, 1e-12, path);
        });
        both(&|values, path| norm::pull(values, &input, &bias[..1].repeat(7), &bias, path));
    }
}

#[test]
fn bias_and_activation_equal_those_of_candle() {
    for width in WIDTHS {
        let linear = Linear::new(tensor(&[width, 5], 1, 1.0), tensor(&[width], 2, 1.0));
        let input = tensor(&[2, 3, 5], 3, 2.0);
        let plain = input
            .broadcast_matmul(&linear.weight().t().unwrap())
            .unwrap()
            .broadcast_add(linear.bias().unwrap())
            .unwrap();
        let fused = linear.forward(&input).unwrap();
        assert!(difference(&values(&fused), &values(&plain)) <= 1e-6);
        for &activation in Activation::ALL {
            let fused = linear.forward_activated(&input, activation).unwrap();
            let plain = activation.forward(&plain).unwrap();
            let error = difference(&values(&fused), &values(&plain));
            assert!(error <= 1e-6, "{activation:?}, width {width}: {error:e}");
        }
    }
}

#[test]
fn a_layer_norm_alone_or_fused_with_a_sum_equals_that_of_candle() {
    for width in WIDTHS.into_iter().skip(1) {
        let (weight, bias) = (tensor(&[width], 1, 1.0), tensor(&[width], 2, 1.0));
        let norm = LayerNorm::new(weight.clone(), bias.clone(), 1e-5);
        let linear = Linear::new(tensor(&[width, 4], 3, 1.0), tensor(&[width], 4, 1.0));
        let (input, residual) = (tensor(&[3, 5, 4], 5, 1.0), tensor(&[3, 5, width], 6, 1.0));
        let sum = (linear.forward(&input).unwrap() + &residual).unwrap();
        let plain = candle_nn::ops::layer_norm_slow(&sum, &weight, &bias, 1e-5).unwrap();
        let alone = norm.forward(&sum).unwrap();
        assert!(difference(&values(&alone), &values(&plain)) <= 1e-6);
        let fused = norm.forward_sum(&linear, &input, &residual).unwrap();
        assert_eq!(values(&fused), values(&alone));
        // The kernel must not change its input.
        let again = (linear.forward(&input).unwrap() + &residual).unwrap();
        assert_eq!(values(&sum), values(&again));
    }
    let norm = LayerNorm::new(tensor(&[4], 1, 1.0), tensor(&[4], 2, 1.0), 1e-5);
    assert!(norm.forward(&tensor(&[2, 5], 1, 1.0)).is_err());
}

#[test]
fn attention_equals_that_of_candle() {
    for (rows, length, heads, head_dim) in [
        (1, 1, 1, 1),
        (3, 7, 3, 5),
        (2, 17, 2, 32),
        (1, 40, 12, 64),
        (5, 16, 1, 8),
    ] {
        let sizes = Heads::whole(heads, head_dim);
        let shape = [rows, length, heads * head_dim];
        let [query, key, value] = [1, 2, 3].map(|seed| tensor(&shape, seed, 2.0));
        let fused = attend(&query, &key, &value, sizes).unwrap();
        let plain = attend_plainly(&query, &key, &value, sizes, &Bias::none()).unwrap();
        let error = difference(&values(&fused), &values(&plain));
        assert!(error <= 1e-6, "{shape:?}: {error:e}");
        let bias = tensor(&[rows, length], 4, 2.0);
        let bias = Bias::of_keys(&bias).unwrap();
        // The same for all rows, and another one for each head and each pair of positions.
        let bias = bias.plus(tensor(&[1, heads, length, length], 5, 2.0));
        let biased = attend_with(&query, &key, &value, sizes, &bias).unwrap();
        let plain = attend_plainly(&query, &key, &value, sizes, &bias).unwrap();
        let error = difference(&values(&biased), &values(&plain));
        assert!(error <= 1e-6, "{shape:?} with a bias: {error:e}");
        // A key with the bias ln 2 counts as much as two keys.
        let twice = [&key, &value].map(|part| Tensor::cat(&[part, part], 1).unwrap());
        let double = attend(&query, &twice[0], &twice[1], sizes).unwrap();
        let logarithm = Tensor::full(2.0f32.ln(), (rows, length), &Device::Cpu).unwrap();
        let once = attend_with(
            &query,
            &key,
            &value,
            sizes,
            &Bias::of_keys(&logarithm).unwrap(),
        )
        .unwrap();
        assert!(difference(&values(&once), &values(&double)) <= 2e-6);
        // Views of a larger tensor are read in place.
        let stacked = Tensor::cat(&[&query, &key], 0).unwrap();
        let view = stacked.narrow(0, rows, rows).unwrap();
        let through = attend(&query, &view, &value, sizes).unwrap();
        assert_eq!(values(&through), values(&fused));
    }
}

#[test]
fn empty_widths_are_supported() {
    let nothing = tensor(&[2, 3, 0], 1, 1.0);
    let attended = attend(&nothing, &nothing, &nothing, Heads::whole(0, 8)).unwrap();
    assert_eq!(attended.dims(), [2, 3, 0]);
    let closing = Linear::new(tensor(&[6, 0], 1, 1.0), tensor(&[6], 2, 1.0));
    let norm = LayerNorm::new(tensor(&[6], 3, 1.0), tensor(&[6], 4, 1.0), 1e-5);
    let residual = tensor(&[2, 3, 6], 5, 1.0);
    let fused = norm.forward_sum(&closing, &nothing, &residual).unwrap();
    let sum = residual.broadcast_add(closing.bias().unwrap()).unwrap();
    assert_eq!(values(&fused), values(&norm.forward(&sum).unwrap()));
    let opening = Linear::new(tensor(&[0, 6], 1, 1.0), tensor(&[0], 2, 1.0));
    for &activation in Activation::ALL {
        let units = opening.forward_activated(&residual, activation).unwrap();
        assert_eq!(units.dims(), [2, 3, 0]);
    }
    let softmaxed = candle_nn::ops::softmax(&residual, D::Minus1).unwrap();
    let mut ours = values(&residual);
    softmax::softmax(&mut ours, 6, 1.0, Path::Fastest);
    assert!(difference(&ours, &values(&softmaxed)) <= 1e-6);
}

/// Converts to f64. The kernels are for f32 on the CPU. Other types use candle operations, as on a GPU.
fn wide(tensor: &Tensor) -> Tensor {
    tensor.to_dtype(DType::F64).unwrap()
}

fn assert_close(name: &str, fused: &Tensor, plain: &Tensor) {
    assert_eq!(plain.dtype(), DType::F64, "{name}");
    let plain = values(&plain.to_dtype(DType::F32).unwrap());
    let error = difference(&values(fused), &plain);
    assert!(error <= 2e-6, "{name}: {error:e}");
}

fn assert_traced_close(name: &str, trace: impl Fn(fn(&Tensor) -> Tensor) -> Traced) {
    let (fused, plain) = (trace(Tensor::clone), trace(wide));
    assert_close(name, &fused.value, &plain.value);
    // The cotangent contains two copies of the rows.
    let mut shape = fused.value.dims().to_vec();
    shape[0] *= 2;
    let cotangent = tensor(&shape, 9, 1.0);
    let back = (plain.pull)(wide(&cotangent)).unwrap();
    assert_close(name, &(fused.pull)(cotangent).unwrap(), &back);
}

#[test]
fn values_and_pullbacks_are_equal_with_and_without_kernels() {
    let input = tensor(&[2, 5, 6], 1, 1.5);
    let (weight, bias) = (tensor(&[9, 6], 2, 0.7), tensor(&[9], 3, 0.5));
    let residual = tensor(&[2, 5, 9], 4, 1.0);
    let linear = |on: fn(&Tensor) -> Tensor| Linear::new(on(&weight), on(&bias));
    let norm = |on: fn(&Tensor) -> Tensor| {
        LayerNorm::new(on(&tensor(&[9], 5, 1.0)), on(&tensor(&[9], 6, 1.0)), 1e-5)
    };
    let summed = |on: fn(&Tensor) -> Tensor| {
        let sum = norm(on).forward_sum(&linear(on), &on(&input), &on(&residual));
        sum.unwrap()
    };
    assert_close("forward_sum", &summed(Tensor::clone), &summed(wide));
    assert_traced_close("linear", |on| linear(on).traced(&on(&input)).unwrap());
    for &activation in Activation::ALL {
        assert_traced_close(&format!("{activation:?}"), |on| {
            let linear = linear(on);
            linear.traced_activated(&on(&input), activation).unwrap()
        });
        assert_traced_close(&format!("{activation:?} alone"), |on| {
            elementwise::traced(&on(&input), activation).unwrap()
        });
    }
    assert_traced_close("layer norm", |on| norm(on).traced(&on(&residual)).unwrap());
    let parts = [6, 7, 8].map(|seed| tensor(&[2, 5, 6], seed, 1.5));
    for (part, name) in ["query", "key", "value"].into_iter().enumerate() {
        for bias in [None, Some(tensor(&[2, 1, 5, 5], 9, 1.5))] {
            assert_traced_close(name, |on| {
                let [query, key, values] = parts.each_ref().map(on);
                let heads = Heads::whole(2, 3);
                let bias = bias.as_ref().map(on);
                let bias = bias.map_or_else(Bias::none, |bias| Bias::none().plus(bias));
                let attention = attention_back::traced_with(query, key, values, heads, bias);
                let attention = attention.unwrap();
                Traced {
                    value: attention.value.clone(),
                    pull: Box::new(move |c| Ok(attention.pull(&c)?[part].clone())),
                }
            });
        }
    }
    let cotangent = tensor(&[4, 5, 6], 10, 1.0);
    for span in [1, 2, 3] {
        let fused = mask_derivative(&input, &cotangent, span).unwrap();
        let plain = mask_derivative(&wide(&input), &wide(&cotangent), span).unwrap();
        assert!(difference(&fused, &plain) <= 2e-6, "units with span {span}");
    }
}
