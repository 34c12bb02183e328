//! Position embeddings of maps.

use candle_core::Device;
use optin::model::nn::sine;

use super::golden::cases;

/// The goldens are rounded to f32 from f64, as ours are.
#[test]
fn embeddings_equal_those_of_transformers() {
    for case in cases("sine") {
        let [height, width] = case.numbers[..].try_into().unwrap();
        let channels = case.part("y").dim(1).unwrap();
        let embeddings = sine::embeddings([height, width], channels, &Device::Cpu).unwrap();
        case.assert_part("y", &embeddings, 1e-7);
    }
}

#[test]
fn channels_that_do_not_divide_into_sines_and_cosines_are_refused() {
    assert!(sine::embeddings([2, 3], 6, &Device::Cpu).is_err());
    let nothing = sine::embeddings([2, 3], 0, &Device::Cpu).unwrap();
    assert_eq!(nothing.dims(), [6, 0]);
}
