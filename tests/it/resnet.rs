//! Properties of residual networks beyond the laws of all families: parity with transformers, and clear errors.

use std::path::Path;

use optin::checkpoint::config::Config;
use optin::checkpoint::limits::Limits;
use safetensors::Dtype;
use serde_json::{Value, json};

use crate::fixture::folder;
use crate::fixture::golden_images;
use crate::fixture::resnet::Form;

/// The goldens were computed by transformers (`tests/goldens/resnet/make_goldens.py`).
#[test]
fn outputs_equal_those_of_transformers() {
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/resnet");
    for case in [
        "basic",
        "bottleneck",
        "strides",
        "gelu",
        "pruned_basic",
        "pruned_bottleneck",
    ] {
        let difference = golden_images::difference(&goldens.join(case));
        assert!(difference <= 1e-5, "{case}: {difference:e}");
    }
}

/// Writes a tiny model whose configuration has another value, and returns the error of opening it.
fn refusal(key: &str, value: Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    Form::Basic.write(folder.path(), Dtype::F32);
    let mut config = Form::Basic.config();
    match value {
        Value::Null => drop(config.as_object_mut().unwrap().remove(key)),
        value => config[key] = value,
    }
    folder::refusal(folder.path(), &config)
}

#[test]
fn settings_that_do_not_describe_a_network_are_errors() {
    for (key, value, reason) in [
        (
            "image_size",
            Value::Null,
            "add \"image_size\": [height, width] to config.json",
        ),
        (
            "layer_type",
            json!("wide"),
            "it must be \"basic\" or \"bottleneck\"",
        ),
        (
            "depths",
            json!([2]),
            "they must have one entry for each stage",
        ),
        (
            "depths",
            json!([2, 0]),
            "they must have one entry for each stage",
        ),
        ("hidden_sizes", json!([8, 0]), "with up to"),
        ("hidden_act", json!("maxout"), "hidden_act"),
        (
            "inner_channels",
            json!([8, 8, 16]),
            "it must have 5 entries",
        ),
        (
            "inner_channels",
            json!([9, 8, 8, 16, 16]),
            "at most [8, 8, 8, 16, 16]",
        ),
    ] {
        let error = refusal(key, value);
        assert!(error.contains(reason), "{key}: {error}");
    }
}

/// transformers does not write the size of the images of a convolutional network, but its image processor knows it.
#[test]
fn the_size_of_images_is_that_of_the_image_processor() {
    for (settings, expected) in [
        (json!({"size": {"height": 40, "width": 32}}), Some([40, 32])),
        (json!({"size": 24}), Some([24, 24])),
        (
            json!({"do_center_crop": true, "crop_size": {"height": 20, "width": 18}}),
            Some([20, 18]),
        ),
        (
            json!({"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 64}}),
            Some([64, 64]),
        ),
        (json!({"size": {"shortest_edge": 64}}), None),
        (json!({"do_resize": false, "size": 24}), None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        Form::Basic.write(folder.path(), Dtype::F32);
        let path = folder.path().join("preprocessor_config.json");
        std::fs::write(path, settings.to_string()).unwrap();
        let config = Config::open(folder.path(), &Limits::default()).unwrap();
        assert_eq!(config.size_of_processed_images(), expected, "{settings}");
    }
}
