//! Properties of Swin transformers beyond the laws of all families: parity with transformers, and clear errors.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use optin::model::hidden::{Hidden, Layout};
use optin::model::layer::Layer;
use optin::model::layer::squares::Squares;
use optin::model::mask::Masks;
use optin::model::nn::windows::Windows;
use optin::prune::recipe::Units;
use optin::prune::surgery::parameters;
use safetensors::Dtype;
use serde_json::{Value, json};

use crate::fixture::folder::{self, open, open_with};
use crate::fixture::golden_images;
use crate::fixture::swin::{Form, IMAGE};

fn goldens(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens/swin")
        .join(case)
}

/// The goldens were computed by transformers (`tests/goldens/swin/make_goldens.py`).
#[test]
fn outputs_equal_those_of_transformers() {
    for case in ["whole", "padded", "in_memory_names", "pruned"] {
        let difference = golden_images::difference(&goldens(case));
        assert!(difference <= 1e-5, "{case}: {difference:e}");
    }
}

/// transformers 4 reads only the names that files have.
#[test]
fn tensors_with_the_names_of_modules_are_written_with_those_of_files() {
    let names = |case: &str| -> Vec<String> {
        let (weights, _) = open(&goldens(case));
        let names = weights.entries().map(|entry| entry.name.to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    assert_eq!(names("in_memory_names"), names("whole"));
}

fn map(height: usize, width: usize) -> Hidden {
    let values: Vec<f32> = (0..height * width).map(|at| at as f32).collect();
    let layout = Layout::Map {
        height,
        width,
        lead: 0,
    };
    let stream = Tensor::from_vec(values, (1, height * width, 1), &Device::Cpu).unwrap();
    Hidden::new(stream, layout)
}

fn numbers(stream: &Tensor) -> Vec<f32> {
    stream.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn shifted_windows_wrap_around_the_padded_map_and_separate_what_is_apart() {
    // A map of 3 x 3 positions becomes one of 4 x 4 positions with windows of 2 x 2, shifted by 1.
    let windows = Windows { side: 2, shift: 1 };
    let (size, hidden) = ([3, 3], map(3, 3));
    let stream = (hidden.stream + 1.0).unwrap();
    let order = windows.order(size);
    let placed = order.apply(&stream).unwrap();
    assert_eq!(
        numbers(&placed),
        [
            5., 6., 8., 9., 0., 4., 0., 7., 0., 0., 2., 3., 0., 0., 0., 1.
        ]
    );
    assert_eq!(numbers(&order.reverse(&placed).unwrap()), numbers(&stream));
    let mask = windows.mask(size, &Device::Cpu).unwrap().unwrap();
    assert_eq!(mask.dims(), [4, 1, 4, 4]);
    let apart = |window: usize, query: usize, key: usize| {
        numbers(&mask)[window * 16 + query * 4 + key] < 0.0
    };
    // Inside, all four positions are neighbors. At the right edge, columns are apart. In the corner, all are.
    assert!((0..4).all(|query| (0..4).all(|key| !apart(0, query, key))));
    assert!(apart(1, 0, 1) && !apart(1, 0, 2) && !apart(2, 0, 1) && apart(2, 0, 2));
    assert!((0..4).all(|query| (0..4).all(|key| apart(3, query, key) == (query != key))));
    assert!(
        Windows { side: 2, shift: 0 }
            .mask(size, &Device::Cpu)
            .unwrap()
            .is_none()
    );
}

#[test]
fn squares_join_positions_one_column_after_the_other() {
    let joined = Squares::new(2, 1).forward(&map(3, 4)).unwrap();
    assert_eq!(joined.layout.size().unwrap(), [2, 2]);
    assert_eq!(joined.stream.dims(), [1, 4, 4]);
    assert_eq!(
        numbers(&joined.stream),
        [
            0., 4., 1., 5., 2., 6., 3., 7., 8., 0., 9., 0., 10., 0., 11., 0.
        ]
    );
}

/// A head without values takes its column of the table of relative positions along.
#[test]
fn the_weights_of_heads_are_counted_with_their_heads() {
    let folder = tempfile::tempdir().unwrap();
    Form::Swin.write(folder.path(), Dtype::F32);
    let (weights, model) = open_with(folder.path(), Units::Dimensions);
    let cost = parameters(&weights, &model.groups).unwrap();
    let stored: usize = weights
        .entries()
        .map(|entry| entry.shape.iter().product::<usize>())
        .sum();
    assert_eq!(cost.with_all(&model.groups), stored as u64);
    let heads: Vec<u64> = model
        .groups
        .iter()
        .zip(&cost.heads)
        .filter_map(|(group, &each)| group.name.ends_with("values").then_some(each))
        .collect();
    assert_eq!(heads, [25, 25, 25]);
}

#[test]
fn images_of_another_size_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    Form::Swin.write(folder.path(), Dtype::F32);
    let (_, model) = open(folder.path());
    let pixels = Tensor::zeros((1, 3, 22, 30), DType::F32, &Device::Cpu).unwrap();
    let error = model.forward(
        &golden_images::images(&pixels, IMAGE),
        &Masks::full(&model.groups),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("22 x 31 pixels with 3 channels"), "{error}");
}

#[test]
fn configurations_of_other_models_are_rejected() {
    for (key, value, words) in [
        (
            "use_absolute_embeddings",
            json!(true),
            "only relative positions",
        ),
        ("patch_size", json!([4, 5]), "only squares"),
        ("depths", json!([2]), "must have an entry for each"),
        ("depths", json!([2, 0]), "a stage must have a block"),
        (
            "num_heads",
            json!([5, 3]),
            "does not divide its 12 channels",
        ),
        ("mlp_ratio", json!("4"), "mlp_ratio must be a number"),
        ("image_size", json!([14, 31]), "maps of 2 x 4 positions"),
        ("window_size", json!(2), "relative_position_bias_table"),
        ("heads_per_layer", json!([1]), "has 1 entries"),
        ("architectures", json!(["SwinModel"]), "\"SwinModel\""),
        (
            "architectures",
            json!(["SwinForMaskedImageModeling"]),
            "not supported",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        Form::Swin.write(folder.path(), Dtype::F32);
        let mut config: Value = Form::Swin.config();
        config[key] = value;
        let message = folder::refusal(folder.path(), &config);
        assert!(message.contains(words), "{key}: {message}");
    }
}
