//! Every activation function: its kernel and its candle operations, compared with torch
//! (`tests/goldens/activations/make_goldens.py`).

use candle_core::{DType, Device, Tensor};
use optin::model::nn::activation::Activation;
use optin::model::nn::kernel::{Path, epilogue};
use safetensors::SafeTensors;
use std::collections::{BTreeSet, HashMap};

const GOLDEN: &str = "tests/goldens/activations/golden.safetensors";

fn golden_path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN)
}

fn golden() -> HashMap<String, Vec<f64>> {
    let tensors = candle_core::safetensors::load(golden_path(), &Device::Cpu).unwrap();
    let values = |tensor: Tensor| tensor.to_vec1::<f64>().unwrap();
    tensors.into_iter().map(|(k, v)| (k, values(v))).collect()
}

/// Values of a function and of its derivative.
type Curves = [Vec<f64>; 2];

fn evaluate_kernel(activation: Activation, points: &[f64]) -> Curves {
    let points: Vec<f32> = points.iter().map(|&x| x as f32).collect();
    let (mut value, mut slope) = (points.clone(), points);
    let bias = vec![0.0; value.len()];
    epilogue::add_bias(&mut value, &bias, Some(activation), Path::Fastest);
    epilogue::add_bias_and_differentiate(&mut slope, &bias, activation, Path::Fastest);
    [value, slope].map(|values| values.into_iter().map(f64::from).collect())
}

fn evaluate_candle(activation: Activation, points: &[f64], dtype: DType) -> Curves {
    let points = Tensor::new(points, &Device::Cpu)
        .unwrap()
        .to_dtype(dtype)
        .unwrap();
    [activation.forward(&points), activation.derivative(&points)].map(|values| {
        let values = values.unwrap();
        assert_eq!(values.dtype(), dtype, "{activation:?}");
        values
            .to_dtype(DType::F64)
            .unwrap()
            .to_vec1::<f64>()
            .unwrap()
    })
}

fn assert_close(
    name: &str,
    points: &[f64],
    ours: &[f64],
    theirs: &[f64],
    tolerance: fn(f64, f64) -> f64,
) {
    assert_eq!(ours.len(), theirs.len());
    for ((&x, &ours), &theirs) in points.iter().zip(ours).zip(theirs) {
        let difference = (ours - theirs).abs();
        // `<=` is false for NaN, so a NaN fails.
        assert!(
            difference <= tolerance(x, theirs),
            "{name} at {x}: {ours:e}, expected {theirs:e}"
        );
    }
}

/// Tolerance for f32 with one rounding per step. Far from zero, small values keep their relative precision.
fn tolerance_f32(x: f64, value: f64) -> f64 {
    let floor = if x.abs() < 4.0 { 4e-7 } else { 1e-13 };
    2e-5 * value.abs().min(0.02) + 4e-7 * value.abs() + floor
}

/// Tolerance for the candle operations in f32. They add `erf` and `tanh` to one, which loses relative precision.
fn tolerance_f32_after_a_sum(x: f64, value: f64) -> f64 {
    4e-7 * (1.0 + value.abs() + x.abs().min(10.0))
}

fn tolerance_f64(_: f64, value: f64) -> f64 {
    1e-9 * value.abs() + 1e-13
}

/// Returns points from -20 to 20, and a few very small and very large ones.
fn grid() -> Vec<f64> {
    let near = (-2_000..=2_000).map(|step| f64::from(step) * 0.01);
    let far = [1e-30, 1e-6, 1e-3, 30.0, 86.9, 87.1, 104.0, 200.0, 1e3, 1e4];
    let far = far.into_iter().flat_map(|x| [-x, x]);
    // Rounded to f32, so that all implementations get the same points.
    near.chain(far).map(|x| f64::from(x as f32)).collect()
}

#[test]
fn the_golden_file_contains_exactly_the_names_of_the_enum() {
    let bytes = std::fs::read(golden_path()).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let tensors: BTreeSet<_> = metadata.tensors().into_keys().collect();
    let named = Activation::NAMES.iter();
    let mut expected: BTreeSet<_> = named
        .flat_map(|name| [format!("{name}.y"), format!("{name}.dy")])
        .collect();
    expected.insert("x".to_owned());
    assert_eq!(tensors, expected);
    let learned = &metadata.metadata().as_ref().unwrap()["learned"];
    assert_eq!(learned, &Activation::LEARNED.join(" "));
}

#[test]
fn every_name_belongs_to_one_activation() {
    let distinct: BTreeSet<_> = Activation::NAMES.iter().collect();
    assert_eq!(distinct.len(), Activation::NAMES.len());
    for &activation in Activation::ALL {
        for name in activation.names() {
            assert_eq!(Activation::named(name), Ok(activation));
        }
    }
}

#[test]
fn values_and_derivatives_equal_those_of_torch() {
    let golden = golden();
    let points = &golden["x"];
    for &name in Activation::NAMES {
        let activation = Activation::named(name).unwrap();
        let kernel = evaluate_kernel(activation, points);
        let narrow = evaluate_candle(activation, points, DType::F32);
        let wide = evaluate_candle(activation, points, DType::F64);
        for (part, key) in ["y", "dy"].into_iter().enumerate() {
            let key = format!("{name}.{key}");
            let torch: Vec<f64> = golden[&key]
                .iter()
                .zip(points)
                .map(|(&value, x)| {
                    // Torch divides zero by zero at this point. The limit is zero.
                    if value.is_nan() {
                        assert!(key == "sqrtsoftplus.dy" && *x <= -1e3, "{key} at {x}");
                        return 0.0;
                    }
                    value
                })
                .collect();
            assert_close(&key, points, &kernel[part], &torch, tolerance_f32);
            assert_close(
                &key,
                points,
                &narrow[part],
                &torch,
                tolerance_f32_after_a_sum,
            );
            assert_close(&key, points, &wide[part], &torch, tolerance_f64);
        }
    }
}

#[test]
fn kernels_and_candle_agree_on_a_fine_grid() {
    let points = grid();
    for &activation in Activation::ALL {
        let wide = evaluate_candle(activation, &points, DType::F64);
        let narrow = evaluate_candle(activation, &points, DType::F32);
        let kernel = evaluate_kernel(activation, &points);
        for (part, what) in ["value", "derivative"].into_iter().enumerate() {
            let name = format!("{activation:?}, {what}");
            assert_close(&name, &points, &kernel[part], &wide[part], tolerance_f32);
            assert_close(
                &name,
                &points,
                &narrow[part],
                &wide[part],
                tolerance_f32_after_a_sum,
            );
        }
    }
}

#[test]
fn derivatives_equal_central_differences() {
    // No point is within one step of a kink.
    let points: Vec<f64> = (-40..=40)
        .map(|step| f64::from(step) * 0.37 + 0.013)
        .collect();
    let step = 1e-5;
    let shifted = |by: f64| points.iter().map(|x| x + by).collect::<Vec<_>>();
    for &activation in Activation::ALL {
        let [_, ours] = evaluate_candle(activation, &points, DType::F64);
        let [above, _] = evaluate_candle(activation, &shifted(step), DType::F64);
        let [below, _] = evaluate_candle(activation, &shifted(-step), DType::F64);
        let measured: Vec<f64> = above
            .iter()
            .zip(&below)
            .map(|(above, below)| (above - below) / (2.0 * step))
            .collect();
        let name = format!("{activation:?}");
        assert_close(&name, &points, &ours, &measured, |_, _| 1e-7);
    }
}

#[test]
fn the_value_at_nan_is_nan() {
    for &activation in Activation::ALL {
        let nan = [f64::NAN];
        let kernel = evaluate_kernel(activation, &nan);
        let narrow = evaluate_candle(activation, &nan, DType::F32);
        assert!(kernel[0][0].is_nan(), "{activation:?}, kernel");
        assert!(narrow[0][0].is_nan(), "{activation:?}, candle");
    }
}
