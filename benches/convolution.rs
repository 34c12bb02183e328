//! Times convolutions, for `benches/convolutions.py`, which compares them with those of PyTorch:
//!
//!     cargo bench --bench convolution -- ROWS SIZE INPUTS OUTPUTS SIDE STRIDE [..]
//!
//! Each six numbers are a convolution of a batch of square maps, with padding of half a window and a ReLU. Prints one JSON
//! object for each: the fastest of several passes in milliseconds, and the sum of the outputs, with values that the
//! script computes, too. The number of threads is that of the cores that the process may use.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot continue reports the location"
)]

use std::time::Instant;

use candle_core::{Device, Tensor};
use optin::model::nn::activation::Activation;
use optin::model::nn::convolution::Convolution;
use optin::model::nn::kernel::window::Window;
use optin::model::nn::linear::Linear;

/// The allocator of the `optin` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Passes for each convolution. The first one is not counted.
const PASSES: usize = 12;

/// Returns values of a formula that Python computes, too.
fn values(shape: &[usize]) -> Tensor {
    let values =
        (0..shape.iter().product()).map(|index: usize| (index * 7 % 13) as f32 / 13.0 - 0.4);
    Tensor::from_vec(values.collect::<Vec<f32>>(), shape, &Device::Cpu).unwrap()
}

fn main() {
    // Cargo adds an argument of its own.
    let numbers = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok());
    let numbers: Vec<usize> = numbers.collect();
    for numbers in numbers.chunks_exact(6) {
        let &[rows, size, inputs, outputs, side, stride] = numbers else {
            continue;
        };
        let map = values(&[rows, size * size, inputs]);
        let linear = Linear::new(values(&[outputs, inputs * side * side]), values(&[outputs]));
        let convolution = Convolution::new(linear, Window::centered(side, stride)).unwrap();
        let (mut fastest, mut sum) = (f64::INFINITY, 0.0);
        for pass in 0..PASSES {
            let start = Instant::now();
            let output = convolution.forward(&map, [size; 2], Some(Activation::Relu));
            let took = start.elapsed().as_secs_f64() * 1e3;
            let output = output.unwrap().sum_all().unwrap();
            sum = f64::from(output.to_scalar::<f32>().unwrap());
            if pass > 0 {
                fastest = fastest.min(took);
            }
        }
        println!("{{\"ms\": {fastest}, \"sum\": {sum}}}");
    }
}
