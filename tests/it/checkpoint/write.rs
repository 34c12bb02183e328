//! Writing of safetensors files.

use optin::checkpoint::limits::Limits;
use optin::checkpoint::weights::Weights;
use optin::checkpoint::write::{OutTensor, encode, write};
use safetensors::Dtype;

#[test]
fn writing_the_tensors_of_a_file_reproduces_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<u8> = (0..24u8).collect();
    let view = |dtype, shape: Vec<usize>, bytes| {
        safetensors::tensor::TensorView::new(dtype, shape, bytes).unwrap()
    };
    let views = vec![
        ("b", view(Dtype::F16, vec![2, 3], &values[..12])),
        ("a", view(Dtype::F32, vec![0, 4], &[])),
        ("c", view(Dtype::F32, vec![6], &values)),
    ];
    let metadata = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let reference = safetensors::serialize(views, Some(metadata)).unwrap();
    std::fs::write(folder.path().join("model.safetensors"), &reference).unwrap();
    let weights = Weights::open(folder.path(), &Limits::default()).unwrap();
    let tensors: Vec<OutTensor> = weights.entries().map(OutTensor::from).collect();
    let size = write(&folder.path().join("copy"), &tensors, weights.metadata()).unwrap();
    assert_eq!(size, reference.len() as u64);
    assert_eq!(
        std::fs::read(folder.path().join("copy")).unwrap(),
        reference
    );
    assert_eq!((weights.total_bytes(), weights.parameters()), (size, 12));
}

#[test]
fn values_are_unchanged_after_a_round_trip_through_each_dtype() {
    let values = [0.0f32, -1.5, 0.333_251_95, 65_504.0];
    for dtype in [Dtype::F32, Dtype::F16, Dtype::F64] {
        let folder = tempfile::tempdir().unwrap();
        let bytes = encode(&values, dtype).into();
        write(
            &folder.path().join("model.safetensors"),
            &[OutTensor {
                name: "x".into(),
                dtype,
                shape: vec![4],
                bytes,
            }],
            None,
        )
        .unwrap();
        let weights = Weights::open(folder.path(), &Limits::default()).unwrap();
        assert_eq!(
            weights.tensor("x", &[4]).unwrap().to_vec1::<f32>().unwrap(),
            values,
            "{dtype:?}"
        );
    }
}
