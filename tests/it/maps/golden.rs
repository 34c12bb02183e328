//! Results of torch (`tests/goldens/maps/make_goldens.py`), and their comparison with ours: the kernel in f32 and
//! candle's operations in f64.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use optin::model::nn::traced::Traced;

use super::values;

/// A case of an operation.
pub struct Case {
    name: String,
    /// The numbers in its name.
    pub numbers: Vec<usize>,
    parts: BTreeMap<String, Tensor>,
}

/// Returns the cases of an operation.
pub fn cases(operation: &str) -> Vec<Case> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("tests/goldens/maps/golden.safetensors");
    let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for (name, tensor) in tensors {
        let (name, part) = name.rsplit_once('.').unwrap();
        let mut words = name.split('.');
        if words.next() != Some(operation) {
            continue;
        }
        let case = cases.entry(name.to_owned()).or_insert_with(|| Case {
            name: name.to_owned(),
            numbers: words.map(|word| word.parse().unwrap()).collect(),
            parts: BTreeMap::new(),
        });
        case.parts.insert(part.to_owned(), tensor);
    }
    assert!(cases.len() >= 3, "{operation}");
    cases.into_values().collect()
}

impl Case {
    pub fn part(&self, name: &str) -> &Tensor {
        &self.parts[name]
    }

    /// Compares value and pullback of `trace`, which reads its inputs in the type of its argument. The cotangent has
    /// two copies of the rows.
    pub fn assert_equal(&self, trace: impl Fn(DType) -> Traced) {
        for (dtype, tolerance) in [(DType::F32, 2e-6), (DType::F64, 1e-12)] {
            let Traced { value, pull } = trace(dtype);
            assert_eq!(value.dtype(), dtype);
            self.assert_part("y", &value, tolerance);
            let cotangent = self.part("c").to_dtype(dtype).unwrap();
            let twice = (&cotangent * -2.0).unwrap();
            let pulled = pull(Tensor::cat(&[&cotangent, &twice], 0).unwrap()).unwrap();
            let halves = pulled.chunk(2, 0).unwrap();
            self.assert_part("dx", &halves[0], tolerance);
            let second = (&halves[1] * -0.5).unwrap();
            self.assert_part("dx", &second, tolerance);
        }
    }

    /// Compares with a part, relative to its largest value.
    pub fn assert_part(&self, part: &str, found: &Tensor, tolerance: f64) {
        let expected = self.part(part);
        assert_eq!(found.dims(), expected.dims(), "{}", self.name);
        let (found, expected) = (values(found), values(expected));
        let largest = expected.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            let difference = (found - expected).abs() / largest;
            assert!(
                difference <= tolerance,
                "{}.{part}: {found}, expected {expected}, in {difference:e} of the largest",
                self.name
            );
        }
    }
}
