//! Failures made from errors of the tensor library: one sentence, without internal details.

use candle_core::{Device, Tensor};
use optin::prune::failure::{Code, Failure};

use crate::fixture::refusal::assert_says;

#[test]
fn a_failure_of_tensor_arithmetic_is_one_line_without_a_backtrace() {
    // Errors as the library creates them with and without RUST_BACKTRACE=1, and with a context.
    let one = Tensor::zeros((2, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
    let plain = one.matmul(&one).unwrap_err();
    let traced = candle_core::Error::WithBacktrace {
        inner: Box::new(one.matmul(&one).unwrap_err()),
        backtrace: Box::new(std::backtrace::Backtrace::force_capture()),
    };
    let in_context = one.matmul(&one).unwrap_err().context("within\nlines");
    for error in [plain, traced, in_context] {
        let failure = Failure::from(error);
        assert_says(
            &failure,
            Code::Internal,
            &["tensor arithmetic failed", "matmul", "report it"],
        );
        assert!(!failure.detail.contains('\n'), "{}", failure.detail);
        assert!(!failure.detail.contains(".rs"), "{}", failure.detail);
    }
}

#[test]
fn a_device_without_free_memory_is_not_reported_as_an_internal_error() {
    for words in [
        "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")",
        "CUDA_ERROR_OUT_OF_MEMORY",
    ] {
        let failure = Failure::from(candle_core::Error::Cuda(words.into()).bt());
        assert_says(
            &failure,
            Code::LimitExceeded,
            &["not enough memory", "max_samples"],
        );
    }
}
